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
	if repeats(members) {
		members = distinct(members)
	}
	var room roomForMembers
	checker := makeChecker(members, replication, room[:])
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
	leftWritable, leftAnswers := slices.Clone(writable), slices.Clone(answers)
	without := func(positions ...int32) (loss Loss) {
		copy(leftWritable, writable)
		copy(leftAnswers, answers)
		for _, position := range positions {
			leftWritable.Remove(int(position))
			leftAnswers.Remove(int(position))
		}
		loss.Writes = canWrite && !checker.WriteQuorumOf(leftWritable)
		loss.Seals = canSeal && !checker.FMajorityOf(leftAnswers).Passed()
		return loss
	}
	var losses []Loss
	if scope == NodeScope {
		// Quorums are counted by domains and states: nodes that have these in common are as good as each other.
		type kind struct {
			location                         Location
			writable, answers, authoritative bool
		}
		var kinds []kind
		var lost []Loss // with a node of each kind
		for position, member := range checker.effective {
			is := kind{member.Location, writable.Has(position), answers.Has(position), checker.authoritative.Has(position)}
			i := slices.Index(kinds, is)
			if i < 0 {
				i = len(kinds)
				kinds, lost = append(kinds, is), append(lost, without(int32(position)))
			}
			if lost[i].Writes || lost[i].Seals {
				losses = append(losses, Loss{Node: member.Node, Writes: lost[i].Writes, Seals: lost[i].Seals})
			}
		}
		return losses
	}
	domains := domainsAt(scope, checker.effective)
	start := int32(0)
	for _, end := range domains.ends {
		positions := domains.positions[start:end]
		if loss := without(positions...); loss.Writes || loss.Seals {
			loss.Domain, _ = checker.effective[positions[0]].Location.Domain(scope)
			losses = append(losses, loss)
		}
		start = end
	}
	slices.SortFunc(losses, func(a, b Loss) int { return a.Domain.Compare(b.Domain) })
	return losses
}
