package stores

import "cmp"

// A Raft is what the directories of metadata servers tell about how these agree on the writes. Its log is a list of
// entries, each with an index and the term of the leader that proposed it; an entry counts once a majority of the voters
// has it.
type Raft struct {
	// Members are the servers whose directories were read, sorted by directory.
	Members []Member
	// Used is which of them the values come from: the one with the highest term and index, of the cluster that most of them
	// are of.
	Used int
	// Committed is the highest index that is known to be agreed upon: by what a member says, because a snapshot holds it,
	// or because a majority of the voters has it.
	Committed uint64
	// Settled says that it is known of every later entry that no majority has it, as the directories of enough voters were
	// read. Without it, later entries may well be agreed upon: members write down late that they are.
	Settled bool
	// Rejected is how many writes in the log took no effect, as the value was another one than they expected.
	Rejected int
	// Conflicts are the members that contradict the one that is used.
	Conflicts []Conflict
}

// A Position is a place in a raft log.
type Position struct{ Index, Term uint64 }

// A Member is one metadata server, as its directory tells.
type Member struct {
	// Directory is relative to the capture, with forward slashes.
	Directory string
	// NodeName is that of the node which the directory belongs to; empty where it does not say.
	NodeName string
	// NodeID is the node's own id, where the directory says so; 0 otherwise.
	NodeID uint32
	// Cluster and Fingerprint are those of the cluster by the member's own nodes_config; empty and 0 where it has none.
	Cluster     string
	Fingerprint uint64
	// Size is that of the directory, in bytes.
	Size int64
	// Standby says that the server has not joined the others, or not any more.
	Standby bool
	// Term is the last one that the member took part in, and Vote whom it voted for then, by node id; 0 for nobody.
	Term, Vote uint64
	// Commit is the index up to which the member had written down that entries are agreed upon. It lags behind.
	Commit uint64
	// Voters and Learners are the node ids of those who decide, and who only listen, as the member knew them.
	Voters, Learners []uint64
	// Servers are the node ids of the metadata servers by the configuration that they agreed on, ascending.
	Servers []uint32
	// Snapshot is the last entry that the member's snapshot includes. First and Last are the first and last entry of the log
	// behind it; Last is that of the snapshot where the log has none.
	Snapshot, First, Last Position
	// Torn is where the member's write-ahead log ends within a record; nil where it does not. What was being written there
	// was never acknowledged.
	Torn *Problem
}

// A Conflict is a place at which a member contradicts the used one.
type Conflict struct {
	// Member is which one.
	Member int
	// Index is the first place at which they differ; Terms are those of the two entries, of the used member first.
	Index uint64
	Terms [2]uint64
	// Foreign says that the member is of another cluster, by its nodes_config. Nothing else is compared then.
	Foreign bool
	// Agreed says that both places were known to be agreed upon, which Raft rules out: the directories are of two clusters,
	// or one of them was damaged or restored.
	Agreed bool
}

// Compare says which of two logs is more advanced, by their last entries.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Term, q.Term), cmp.Compare(p.Index, q.Index))
}
