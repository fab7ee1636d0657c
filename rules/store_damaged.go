package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/stores"
)

var _ = register(&storeDamaged)

var storeDamaged = Rule{
	ID:       "store-damaged",
	Severity: Warning,
	Category: Capture,
	Summary:  "a store of metadata is damaged, incomplete, or not as Restate writes it",
	Doc: Doc{
		Checks: "What could not be read of a captured store of metadata (a database of etcd, the objects of a bucket, the RocksDB directories of a node): damaged or missing files, wrong checksums, a key without its version. " +
			"One **warning** for each metadata key that it is about, and one for each kind of store for what is about no key. Values that cannot be decoded, and versions that differ from those in their values, are reported as gaps and by `metadata-values-invalid`, a metadata server's log that ends within a record by `metadata-members-disagree`.",
		Why: "What was read may be older than what the cluster had last, or may lack keys. Other rules judge what was read. If the store itself is damaged, and not only its copy, servers fail on it as well: " +
			"Restate takes a key of etcd without its `::version` for missing.",
		Legal: "A store whose copy was made while a server was writing to it: stop the server first, or use `etcdctl snapshot save`. A local metadata store that Restate 1.4 or 1.5 moved into a metadata server, and sealed, is left behind on purpose.",
		Fix:   "Copy the store again, as a whole and while nothing writes to it. If it stays damaged, use the store of another member or an older backup.",
		Evidence: []string{
			"Restate 1.2 to 1.7 write `KEY` and `KEY::version` in one etcd transaction, and take a key for missing unless both exist; Restate 1.1 wrote no `::version`",
			"`etcdctl snapshot save` puts a SHA-256 checksum behind the database; RocksDB has one for every block and record",
			"etcd 3.5: a member writes its database up to 100 ms (`--backend-batch-interval`) after its write-ahead log; the database says which entry it has come to (`consistent_index`)",
			"restatedev/restate #4040, #4041: local metadata stores that are left over",
		},
	},
	Run: func(pass *Pass) {
		type damage struct {
			subject Subject
			what    string
			of      []string // what is wrong, each with the place
			remedy  []string
			at      snapshots.Position
		}
		var all []*damage
		for _, store := range pass.Snapshot.Stores {
			for _, problem := range store.Problems {
				if isTornTail(store, problem) {
					continue
				}
				d := damage{subject: Subject{Part: strings.ReplaceAll(string(store.Kind), " ", "-")}, what: string(store.Kind), at: pass.Snapshot.ProblemAt(store, problem)}
				if stores.Known(problem.Key) {
					d.subject, d.what = Subject{Document: problem.Key}, problem.Key
				}
				i := slices.IndexFunc(all, func(other *damage) bool { return other.subject == d.subject })
				if i < 0 {
					i = len(all)
					all = append(all, &d)
				}
				if remedy := cmp.Or(problem.Remedy, "copy the store again, as a whole and while nothing writes to it"); !slices.Contains(all[i].remedy, remedy) {
					all[i].remedy = append(all[i].remedy, remedy)
				}
				all[i].of = append(all[i].of, placeOf(pass.Snapshot, store, problem)+": "+problem.Reason)
			}
		}
		for _, d := range all {
			f := Finding{
				Subject:  d.subject,
				Title:    fmt.Sprintf("%s: %s", d.what, d.of[0]),
				Observed: d.of[0],
				Expected: "a store that can be read as a whole, as Restate writes it",
				Why:      "what was read may be older than what the cluster had last, or lack something",
				At:       d.at,
				Remedy:   d.remedy,
			}
			if more := len(d.of) - 1; more > 0 {
				f.Title += fmt.Sprintf(", and %d more", more)
				f.Observed = strings.Join(d.of[:min(len(d.of), 10)], "; ")
			}
			pass.Report(f)
		}
	},
}

// placeOf is where something is wrong with a store.
func placeOf(s *snapshots.Snapshot, store *stores.Store, problem stores.Problem) string {
	place := problem.Source
	if place == "" || place == store.Name {
		place = s.StoreName(store)
	}
	if problem.Offset > 0 {
		place += fmt.Sprintf(", byte %d", problem.Offset)
	}
	return place
}
