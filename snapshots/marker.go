package snapshots

import (
	"math"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// markerFile is what a server calls the cluster marker in its data directory. A capture may hold it under any name.
const markerFile = ".cluster-marker"

// A Marker is what a server leaves in its data directory (Restate 1.0): which cluster and which release the data is of.
// A server refuses to start over a marker that it does not agree with.
type Marker struct {
	Document    *Document
	ClusterName string
	// Fingerprint is 0 when the marker has none (Restate before 1.7), or one that looks as if a tool had rounded it.
	Fingerprint cluster.Fingerprint
	// Max is the newest release that ever ran over the data, Current the last one, and MinForward the oldest that may
	// still be started over it; the zero Release where the marker does not say (MinForward: Restate 1.0).
	Max, Current, MinForward cluster.Release
	// MultiDB says that the data is kept in one database for each partition, which releases before 1.7 do not look for.
	MultiDB bool

	// These are the fields, or the document where they are left out.
	ClusterNameAt, FingerprintAt, MaxAt, CurrentAt, MinForwardAt, MultiDBAt Position
}

// marker takes over a cluster marker. A capture may have one for each node, so none is another's rival.
func (r *reader) marker(d *draft) {
	s := r.snapshot
	at := d.At(d.Offset, "")
	m := &Marker{Document: d.Document, ClusterNameAt: at, FingerprintAt: at, MaxAt: at, CurrentAt: at, MinForwardAt: at, MultiDBAt: at}
	if v := d.fields.get("cluster_name", "cluster name"); !v.isNull() {
		m.ClusterName, _ = v.string()
		m.ClusterNameAt = v.at()
	}
	if v := d.fields.get("cluster_fingerprint", "cluster fingerprint"); !v.isNull() {
		m.FingerprintAt = v.at()
		if n, _ := v.uint(math.MaxUint64); !looksRounded(n) {
			m.Fingerprint = cluster.Fingerprint(n)
		}
	}
	m.Max, m.MaxAt = d.release("max_version")
	m.Current, m.CurrentAt = d.release("current_version")
	m.MinForward, m.MinForwardAt = d.release("min_forward_compatible_version")
	if v := d.fields.get("use_multi_db_layout", "layout of the data"); !v.isNull() {
		m.MultiDB, m.MultiDBAt = v.result.Type == gjson.True, v.at()
		if v.result.Type != gjson.True && v.result.Type != gjson.False {
			v.invalid("true or false")
		}
	}
	s.Markers = append(s.Markers, m)
	s.Documents = append(s.Documents, d.Document)
	s.Oddities = append(s.Oddities, d.oddities[:min(len(d.oddities), max(maxOddities-len(s.Oddities), 0))]...)
	for _, reason := range d.gaps {
		s.Gaps = append(s.Gaps, Gap{Key: string(ClusterMarker), Kind: ClusterMarker, Source: d.Source.Name, Reason: reason})
	}
}

// release reads a release of a marker.
func (d *draft) release(field string) (cluster.Release, Position) {
	v := d.fields.get(field, "release "+field)
	if v.isNull() {
		return cluster.Release{}, d.At(d.Offset, "")
	}
	s, ok := v.string()
	if !ok {
		return cluster.Release{}, v.at()
	}
	release, err := cluster.ParseRelease(s)
	if err != nil {
		v.invalid("a version such as 1.7.12")
	}
	return release, v.at()
}
