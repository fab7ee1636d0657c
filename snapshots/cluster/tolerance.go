package cluster

import "slices"

// Loss is a domain without which a nodeset cannot go on: when all nodes of the domain are down at once, it cannot be
// written, or neither be sealed nor read past doubt, although it can while they are up.
type Loss struct {
	// Node is the domain at NodeScope, Domain at the bigger scopes.
	Node   NodeID
	Domain Location
	// Writes is set if the loss stops appends, Seals if it stops sealing and finding the tail. Where it stops sealing, all
	// copies of a record may lie in the domain.
	Writes, Seals bool
}

// Losses returns the domains of a scope whose loss the nodeset does not survive: nodes in the order of the nodeset, zones
// and regions in the order of Location.Compare. What does not work even with all domains, by the states of the members (see Judge), is
// not lost with any.
func Losses(members []Member, replication Replication, release Release, scope Scope) []Loss {
	checker := NewChecker(members, replication)
	writable := checker.SetOf(func(member Member) bool {
		return member.Class == Active && member.State.AcceptsWrites(release)
	})
	answers := checker.SetOf(func(member Member) bool {
		return member.Class == Active && member.State.MayAnswer()
	})
	canWrite, canSeal := checker.WriteQuorumOf(writable), checker.FMajorityOf(answers).Passed()
	if !canWrite && !canSeal {
		return nil
	}
	var losses []Loss
	lose := func(loss Loss, positions ...int32) {
		writable, answers := slices.Clone(writable), slices.Clone(answers)
		for _, position := range positions {
			writable.Remove(int(position))
			answers.Remove(int(position))
		}
		loss.Writes = canWrite && !checker.WriteQuorumOf(writable)
		loss.Seals = canSeal && !checker.FMajorityOf(answers).Passed()
		if loss.Writes || loss.Seals {
			losses = append(losses, loss)
		}
	}
	if scope == NodeScope {
		for position, member := range checker.effective {
			lose(Loss{Node: member.Node}, int32(position))
		}
		return losses
	}
	domains := domainsAt(scope, checker.effective)
	start := int32(0)
	for _, end := range domains.ends {
		positions := domains.positions[start:end]
		domain, _ := checker.effective[positions[0]].Location.Domain(scope)
		lose(Loss{Domain: domain}, positions...)
		start = end
	}
	slices.SortFunc(losses, func(a, b Loss) int { return a.Domain.Compare(b.Domain) })
	return losses
}
