package rules

import (
	"cmp"
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&fingerprintMismatch)

var fingerprintMismatch = Rule{
	ID:       "fingerprint-mismatch",
	Severity: Error,
	Category: Metadata,
	Needs:    []snapshots.Kind{snapshots.ClusterMarker},
	Summary:  "documents of the capture have the fingerprints of different clusters",
	Doc: Doc{
		Checks: "The fingerprint in every captured `.cluster-marker` against that in `nodes_config`: one **error** for each other fingerprint. Where `nodes_config` has none or was not captured, the markers and the " +
			"partition snapshots are compared with each other, and what fewer of them say is reported. Snapshots that differ from `nodes_config` are reported by `snapshot-foreign`. " +
			"Documents without a fingerprint, and those whose integers were rounded, are passed over.",
		Why: "The fingerprint is the identity of a cluster: it is made once and never changes. A data directory with another one belongs to another cluster, or to an earlier one of the same name. " +
			"A server of 1.7 refuses to start over it; an older server takes it for its own.",
		Legal: "Only as an artefact of the capture: files of two clusters were put into one folder.",
		Fix: "Find out whose file it is. If it really lies on a node of this cluster, do not start that server over it: give the node its own data directory " +
			"(`base-dir`, `node-name`, `cluster-name`), and keep the other one, which may be the only copy of its cluster.",
		Evidence: []string{
			"Restate 1.5 makes a fingerprint for new and for existing clusters, and rejects a nodes configuration that changes it (restatedev/restate #3727)",
			"Restate 1.7 writes it into the cluster marker, and refuses to start when it differs",
			"restatedev/restate #4294 (it is going to be required)",
		},
	},
	Run: func(pass *Pass) {
		s := pass.Snapshot
		var claims []fingerprintClaim
		claim := func(document *snapshots.Document, fingerprint cluster.Fingerprint, at snapshots.Position) {
			if fingerprint != 0 && !inexact(pass, document) {
				claims = append(claims, fingerprintClaim{fingerprint, document.Source.Name, document, at})
			}
		}
		for _, marker := range s.Markers {
			claim(marker.Document, marker.Fingerprint, marker.FingerprintAt)
		}
		if len(claims) == 0 {
			pass.Lacks(snapshots.ClusterMarker) // one that states it
		}
		var own fingerprintClaim
		switch {
		case s.Nodes == nil:
			pass.Lacks(snapshots.NodesConfig)
		case s.Nodes.Fingerprint != 0 && inexact(pass, s.Nodes.Document):
			pass.Lacks(snapshots.NodesConfig)
			return
		case s.Nodes.Fingerprint != 0:
			own = fingerprintClaim{s.Nodes.Fingerprint, s.Nodes.Document.Source.Name, s.Nodes.Document, s.Nodes.FingerprintAt}
		}
		if own.fingerprint == 0 {
			if s.Repository != nil {
				for _, latest := range s.Repository.Latest {
					claim(latest.Document, latest.Fingerprint, latest.FingerprintAt)
				}
				for _, stored := range s.Repository.Stored {
					claim(stored.Document, stored.Fingerprint, stored.FingerprintAt)
				}
			}
			own = mostClaimed(claims)
		}
		reportFingerprints(pass, own, claims)
	},
}

// A fingerprintClaim is a fingerprint that a document states for its cluster.
type fingerprintClaim struct {
	fingerprint cluster.Fingerprint
	source      string
	document    *snapshots.Document
	at          snapshots.Position
}

// mostClaimed returns a claim of the fingerprint that most documents state: the first one in the order of sources, also
// where several are stated as often. It is the zero value without any claim.
func mostClaimed(claims []fingerprintClaim) (most fingerprintClaim) {
	times := make(map[cluster.Fingerprint]int)
	for _, c := range claims {
		times[c.fingerprint]++
	}
	for _, c := range claims {
		better := cmp.Or(
			cmp.Compare(times[c.fingerprint], times[most.fingerprint]),
			cmp.Compare(most.source, c.source))
		if most.fingerprint == 0 || better > 0 {
			most = c
		}
	}
	return most
}

// reportFingerprints reports every fingerprint but the cluster's own.
func reportFingerprints(pass *Pass, own fingerprintClaim, claims []fingerprintClaim) {
	others := make(map[cluster.Fingerprint][]fingerprintClaim)
	var order []cluster.Fingerprint
	slices.SortStableFunc(claims, func(a, b fingerprintClaim) int { return cmp.Compare(a.source, b.source) })
	for _, c := range claims {
		if c.fingerprint == own.fingerprint {
			continue
		}
		if others[c.fingerprint] == nil {
			order = append(order, c.fingerprint)
		}
		others[c.fingerprint] = append(others[c.fingerprint], c)
	}
	for _, fingerprint := range order {
		list := others[fingerprint]
		sources := make([]string, len(list))
		for i, c := range list {
			sources[i] = c.source
		}
		f := Finding{
			Subject:  Subject{Document: list[0].document.Key(), Part: fingerprint.String()},
			Title:    fmt.Sprintf("%s has the fingerprint %v, and %s has %v", list[0].source, fingerprint, own.source, own.fingerprint),
			Observed: fmt.Sprintf("fingerprint %v in %s", fingerprint, shorten(sources)),
			Expected: "one fingerprint: a cluster never changes it",
			Why:      "they belong to different clusters, or to one before and after it was provisioned anew",
			At:       list[0].at,
			Related:  []Related{{Message: fmt.Sprintf("the fingerprint %v", own.fingerprint), At: own.at}},
			Remedy:   []string{"find out whose files these are: " + shorten(sources)},
		}
		if list[0].document.Kind == snapshots.ClusterMarker {
			f.Remedy = append(f.Remedy, "do not start a server over a data directory of another cluster: give the node its own")
		}
		pass.Report(f)
	}
}
