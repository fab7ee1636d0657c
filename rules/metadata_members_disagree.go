package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"restate-lint/snapshots/stores"
)

var _ = register(&metadataMembersDisagree)

var metadataMembersDisagree = Rule{
	ID:       "metadata-members-disagree",
	Severity: Error,
	Category: Metadata,
	Summary:  "the directories of the metadata servers differ, or end in writes that were not agreed on",
	Doc: Doc{
		Checks: "The raft logs in the captured directories of metadata servers (`replicated-metadata-server`). The log with the highest term and index is used; every other one is compared with it. " +
			"An **error** for each member that is of another cluster, or that contradicts it at a place which both took as agreed on, or at which both have an entry of one term; a **note** for each whose last entries were overwritten by a later leader. " +
			"A **warning** if the log that is used ends in entries that no majority of the voters has, and a **note** if it cannot be told as too few directories were captured. " +
			"A **warning** for each member whose write-ahead log ends within a record.",
		Why: "Raft never lets two members agree on different entries. If they did, the directories are of two clusters, one was restored from a copy, or one is damaged: which values are the cluster's is then not known. " +
			"Entries that no majority has were never acknowledged to anybody: the cluster may still adopt them or drop them, and what was read of them may not be what it goes on with.",
		Legal: "A member that was killed while it wrote leaves a torn record behind, which nobody was told of; a leader that was cut off leaves entries that only it has. " +
			"Members write down late what was agreed on, so that the end of a single member's log is often uncertain. A member that lags behind is not reported.",
		Fix: "Copy the directories of all metadata servers, while the servers are stopped, and check them together. Start the cluster with a majority of the members it had: they settle the end of the log among themselves. " +
			"If members contradict each other, do not start them together; find out which directory belongs to another cluster or is an old copy.",
		Evidence: []string{
			"Restate 1.7.12, three members, two of them killed in the midst of writes: the leader's log ended in one entry that no other member had; all acknowledged writes were in both",
			"Restate 1.7.12: the commit index on the disk of a killed single server was 1, with 52 entries in the log",
			"restatedev/restate #3536: there is no supported way back from a lost majority",
		},
	},
	Run: func(pass *Pass) {
		for _, store := range pass.Snapshot.Stores {
			if store.Raft != nil {
				membersDisagree(pass, store)
			}
		}
	},
}

func membersDisagree(pass *Pass, store *stores.Store) {
	raft := store.Raft
	used := &raft.Members[raft.Used]
	for _, conflict := range raft.Conflicts {
		pass.Report(conflictOf(pass, store, conflict))
	}
	if raft.Committed < used.Last.Index {
		pass.Report(uncommitted(pass, store))
	}
	for i := range raft.Members {
		member := &raft.Members[i]
		if member.Torn == nil {
			continue
		}
		pass.Report(Finding{
			Severity: Warning,
			Subject:  memberSubject(member, "torn"),
			Title:    fmt.Sprintf("the write-ahead log of metadata server %s ends within a record", memberName(raft, member)),
			Observed: fmt.Sprintf("%s is sound up to byte %d; the last entry before is %d", path.Base(member.Torn.Source), member.Torn.Offset, member.Last.Index),
			Expected: "a log that ends with a whole record",
			Why:      "a killed server leaves it so, and then nobody was told of that write; if the copy was cut off, later writes are missing as well",
			At:       pass.Snapshot.ProblemAt(store, stores.Problem{Source: member.Torn.Source}),
			Remedy:   []string{"compare the size of the file with that on the node, and copy it again if it differs"},
		})
	}
}

// conflictOf is the finding about a member that contradicts the one that is used.
func conflictOf(pass *Pass, store *stores.Store, conflict stores.Conflict) Finding {
	raft := store.Raft
	used, member := &raft.Members[raft.Used], &raft.Members[conflict.Member]
	f := Finding{
		Subject: memberSubject(member, "conflict"),
		Title:   fmt.Sprintf("metadata servers %s and %s disagree from entry %d of their log on", memberName(raft, member), memberName(raft, used), conflict.Index),
		Observed: fmt.Sprintf("entry %d is of term %d on %s and of term %d on %s, which is used",
			conflict.Index, conflict.Terms[1], memberName(raft, member), conflict.Terms[0], memberName(raft, used)),
		Expected: "the same entries on all members",
		Why:      "both took theirs as agreed on, which Raft rules out: the directories are of two clusters, one is an old copy, or one is damaged",
		At:       pass.Snapshot.ProblemAt(store, stores.Problem{Source: member.Directory}),
		Related:  []Related{{Message: memberName(raft, used) + " is used, whose log is the most advanced", At: pass.Snapshot.ProblemAt(store, stores.Problem{Source: used.Directory})}},
		Remedy:   []string{"do not start these servers together", "find out which of the directories is of another cluster or an old copy, and check without it"},
	}
	if conflict.Terms[0] == conflict.Terms[1] {
		f.Observed = fmt.Sprintf("entry %d is of term %d on both, with other contents: %s, and %s, which is used", conflict.Index, conflict.Terms[0], memberName(raft, member), memberName(raft, used))
	}
	switch {
	case conflict.Foreign:
		f.Subject = Subject{Part: "foreign-" + strings.ReplaceAll(member.Directory, "/", "-")}
		f.Title = fmt.Sprintf("metadata server %s is of another cluster than %s", memberName(raft, member), memberName(raft, used))
		f.Observed = fmt.Sprintf("%s is of %s, and %s, which is used, of %s", memberName(raft, member), clusterName(member), memberName(raft, used), clusterName(used))
		f.Expected = "the directories of one cluster"
		f.Why = "these are directories of two clusters, and nothing of the other one is taken into account: it belongs to another incident, or the cluster was provisioned anew over an old disk"
		f.Remedy = []string{"do not start these servers together", "check the directories of each cluster by themselves"}
	case !conflict.Agreed:
		f.Severity = Note
		f.Title = fmt.Sprintf("the last entries of metadata server %s were overwritten by a later leader", memberName(raft, member))
		f.Expected = "that they go when the member is started"
		f.Why = "they never were agreed on, and are left out"
		f.Remedy = nil
	}
	return f
}

// uncommitted is the finding about entries that may be dropped yet.
func uncommitted(pass *Pass, store *stores.Store) Finding {
	raft := store.Raft
	used := &raft.Members[raft.Used]
	first, last := raft.Committed+1, used.Last.Index
	entries := fmt.Sprintf("entries %d to %d", first, last)
	if first == last {
		entries = fmt.Sprintf("entry %d", first)
	}
	f := Finding{
		Severity: Warning,
		Subject:  Subject{Part: "uncommitted"},
		Title:    fmt.Sprintf("no majority of the metadata servers has %s of the log", entries),
		Observed: fmt.Sprintf("agreed on up to entry %d, the log of %s ends with %d", raft.Committed, memberName(raft, used), last),
		Expected: fmt.Sprintf("all entries on %d of %d voters", len(used.Voters)/2+1, len(used.Voters)),
		Why:      "what was written there was never acknowledged, and may be dropped when the servers start again",
		At:       pass.Snapshot.ProblemAt(store, stores.Problem{Source: used.Directory}),
		Remedy: []string{
			"copy the directories of all metadata servers while they are stopped, and keep the copies",
			fmt.Sprintf("start at least %d of %s, each with its own directory: they settle the end of the log among themselves", len(used.Voters)/2+1, voterList(used.Voters)),
		},
	}
	if keys := changedSince(store, raft.Committed); len(keys) > 0 {
		f.Observed += "; later: " + strings.Join(keys, ", ")
	}
	if !raft.Settled {
		f.Severity = Note
		f.Title = fmt.Sprintf("whether %s of the metadata servers' log were agreed on is not known", entries)
		if first == last {
			f.Title = strings.Replace(f.Title, " were ", " was ", 1)
		}
		f.Expected = "the directories of a majority of the metadata servers"
		f.Why = "servers write down late what was agreed on; what was written last may not be what the cluster goes on with"
		f.Remedy = []string{"copy the directories replicated-metadata-server of the other nodes as well, and check them together"}
	}
	return f
}

// voterList names the voters of the metadata servers by their node ids.
func voterList(voters []uint64) string {
	names := make([]string, len(voters))
	for i, id := range slices.Sorted(slices.Values(voters)) {
		names[i] = fmt.Sprintf("N%d", id)
	}
	return shorten(names)
}

// changedSince names the keys whose values are of later entries.
func changedSince(store *stores.Store, index uint64) (keys []string) {
	for _, v := range store.Values {
		if v.Revision > index {
			keys = append(keys, fmt.Sprintf("%s v%d", v.Key, v.Version))
		}
	}
	for _, v := range store.History {
		if v.Revision > index && v.Payload == nil {
			keys = append(keys, v.Key+" deleted")
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), listShown)]
}

// isTornTail reports whether a problem of a store is that the write-ahead log of a metadata server ends within a record.
func isTornTail(store *stores.Store, problem stores.Problem) bool {
	return store.Raft != nil && slices.ContainsFunc(store.Raft.Members, func(m stores.Member) bool { return m.Torn != nil && *m.Torn == problem })
}

func memberSubject(member *stores.Member, part string) Subject {
	if member.NodeID == 0 {
		return Subject{Part: part + "-" + strings.ReplaceAll(member.Directory, "/", "-")}
	}
	return Subject{Node: fmt.Sprintf("N%d", member.NodeID), Part: part}
}

// clusterName is the cluster that a metadata server is of.
func clusterName(member *stores.Member) string {
	name := member.Cluster
	if name == "" {
		name = "a cluster without a name"
	}
	if member.Fingerprint != 0 {
		name += fmt.Sprintf(" (fingerprint %d)", member.Fingerprint)
	}
	return name
}

// memberName is how a metadata server is called: "N1 (n1)", or like its directory where nothing else is known. Where another
// one is called the same, its directory is named as well.
func memberName(raft *stores.Raft, member *stores.Member) string {
	name := ownName(member)
	for i := range raft.Members {
		if other := &raft.Members[i]; other != member && name != member.Directory && ownName(other) == name {
			return name + " in " + member.Directory
		}
	}
	return name
}

func ownName(member *stores.Member) string {
	switch {
	case member.NodeID == 0 && member.NodeName == "":
		return member.Directory
	case member.NodeID == 0:
		return member.NodeName
	case member.NodeName == "":
		return fmt.Sprintf("N%d", member.NodeID)
	}
	return fmt.Sprintf("N%d (%s)", member.NodeID, member.NodeName)
}
