package datadir

import (
	"slices"
	"testing"
)

// A list of nodes has a field for each of them, or one for all.
func TestVotersArePackedOrNot(t *testing.T) {
	for name, test := range map[string]struct {
		state            string
		voters, learners []uint64
		problem          string
	}{
		"one each":        {"\x08\x01\x08\x02\x10\x03", []uint64{1, 2}, []uint64{3}, ""},
		"packed":          {"\x0a\x03\x01\x80\x01\x12\x01\x03", []uint64{1, 128}, []uint64{3}, ""},
		"packed wrongly":  {"\x08\x01\x0a\x02\x02\x80\x10\x03", []uint64{1}, []uint64{3}, "conf-state of the raft storage: not a protobuf message"},
		"no message":      {"\xff", nil, nil, "conf-state of the raft storage: not a protobuf message"},
		"without learner": {"\x08\x01\x1d\x00\x00\x00\x00", []uint64{1}, nil, ""},
	} {
		var m replica
		m.fact(raftConfStateKey, []byte(test.state))
		problem := ""
		for _, p := range m.problems {
			problem += p.Reason
		}
		if !slices.Equal(m.Voters, test.voters) || !slices.Equal(m.Learners, test.learners) || problem != test.problem {
			t.Errorf("%s: %v, %v, %q", name, m.Voters, m.Learners, problem)
		}
	}
}
