package cluster

import (
	"strconv"
)

// Verdict says what a nodeset can do under a replication property by configuration, that is, if the process of every
// Active member runs. Whether it does is not in the metadata.
type Verdict struct {
	// Members is the nodeset in its order, each node once.
	Members []Member
	// Undetermined, Unknown and Removed count the members of these classes; Disabled counts the Active members in an
	// empty state. If Undetermined is not 0, the evidence is incomplete: neither Missing, Writable nor Seal is
	// established, and a rule that rests on them is undecided.
	Undetermined, Unknown, Removed, Disabled int
	// Effective counts the members that Restate computes quorums over: all but the Removed and the disabled.
	Effective int
	// Missing has every constrained scope at which the effective nodeset has fewer domains than the replication
	// property asks for, from small to big. If it is not empty, no set of nodes can hold all copies of a record.
	Missing []Shortfall
	// Writable reports whether the Active members whose state accepts writes are a write quorum.
	Writable bool
	// Seal says whether the Active members whose state lets them answer are an f-majority. If it does not pass, the loglet
	// can neither be sealed nor its tail be found, even if all of them run.
	Seal FMajority
}

// Shortfall is a scope at which a nodeset has too few domains.
type Shortfall struct {
	Scope Scope
	// Have is the number of domains of the effective nodeset, Want the factor of the replication property.
	Have, Want int
}

// Judge returns the verdict on one nodeset. The release decides what a read-only node accepts; the zero release stands
// for one that is not known. Of several members with the same node the first counts. A replication property that gives
// no scope makes nothing missing, nothing writable and nothing sealable.
func Judge(members []Member, replication Replication, release Release) Verdict {
	verdict := Verdict{Members: distinct(members)}
	for _, member := range verdict.Members {
		switch {
		case member.Class == Unknown:
			verdict.Unknown++
		case member.Class == Removed:
			verdict.Removed++
		case member.Class != Active:
			verdict.Undetermined++
		case member.State.Empty():
			verdict.Disabled++
		}
	}
	var room roomForMembers
	checker := makeChecker(verdict.Members, replication, room[:])
	verdict.Effective = len(checker.Effective())
	for _, scope := range scopes {
		want, constrained := replication.Factor(scope)
		if !constrained {
			continue
		}
		if have := checker.Domains(scope); have < want {
			verdict.Missing = append(verdict.Missing, Shortfall{Scope: scope, Have: have, Want: want})
		}
	}
	verdict.Writable = checker.WriteQuorum(func(member Member) bool {
		return member.Class == Active && member.State.AcceptsWrites(release)
	})
	verdict.Seal = checker.FMajority(func(member Member) bool {
		return member.Class == Active && member.State.MayAnswer()
	})
	return verdict
}

// Label returns the one word that matters most about the member: its class, or, for an Active member in another state
// than read-write, that state. A state that is not known is quoted, as it may hold any text.
func (member Member) Label() string {
	switch {
	case member.Class != Active || member.State == StorageReadWrite:
		return member.Class.String()
	case member.State.Known():
		return string(member.State)
	}
	return strconv.Quote(string(member.State))
}

// Nodeset returns the members with their labels, "[N1 (active), N3 (data-loss), N4 (removed)]". Its length has no bound
// but that of the nodeset.
func (verdict Verdict) Nodeset() string {
	var few [256]byte
	printed := append(few[:0], '[')
	for i, member := range verdict.Members {
		if i > 0 {
			printed = append(printed, ", "...)
		}
		printed = strconv.AppendUint(append(printed, 'N'), uint64(member.Node), 10)
		printed = append(append(append(printed, " ("...), member.Label()...), ')')
	}
	return string(append(printed, ']'))
}
