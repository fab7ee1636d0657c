package rules

import (
	"cmp"
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// trimmedNote is what the documentation of a rule says that reports through ReportSegment.
const trimmedNote = " It is a **note** where the captured log servers (`sql/loglet_workers`) show that the whole segment lies below the trim point."

// Trimmed reports whether captured log servers show that the whole i-th segment of a log lies below its trim point, and
// which one does. It is false for an open segment, and wherever the evidence was not captured. The log must be the one that
// is being visited.
func (p *Pass) Trimmed(log *snapshots.Log, i int) (point snapshots.TrimPoint, ok bool) {
	if i+1 >= len(log.Segments) {
		return point, false
	}
	if !p.trim.asked {
		p.trim.point, p.trim.ok = p.Snapshot.Live.TrimPoint(log)
		p.trim.asked = true
	}
	return p.trim.point, p.trim.ok && p.trim.point.LSN >= log.Segments[i+1].BaseLSN-1
}

// A trimAnswer is the trim point of the log that a pass is at.
type trimAnswer struct {
	asked, ok bool
	point     snapshots.TrimPoint
}

// ReportSegment adds a finding about what the copies of the i-th segment of a log are good for. Below the trim point
// nobody needs them any more: the finding is then a note that says so.
func (p *Pass) ReportSegment(log *snapshots.Log, i int, finding Finding) {
	if point, ok := p.Trimmed(log, i); ok {
		finding.Severity = Note
		finding.Why = "the whole segment lies below the trim point: no reader needs it, and it goes when the chain is trimmed next"
		finding.Related = append(finding.Related, Related{
			Message: fmt.Sprintf("log %d is trimmed up to LSN %d, says %s (%v)", log.ID, point.LSN, point.Worker.Witness(), point.Worker.Loglet),
			At:      point.Worker.At(),
		})
	} else if !log.Open(i) {
		finding.Related = append(finding.Related, p.untrimmed(log)...)
	}
	p.Report(finding)
}

// untrimmed is what captured log servers say of a log below whose trim point a sealed segment does not lie.
func (p *Pass) untrimmed(log *snapshots.Log) []Related {
	point := p.trim.point
	if !p.trim.ok {
		point.Worker = p.reporter(log) // trimmed up to LSN 0
	}
	if point.Worker == nil {
		return nil
	}
	return []Related{{
		Message: fmt.Sprintf("log %d is trimmed up to LSN %d only, says %s (%v)", log.ID, point.LSN, point.Worker.Witness(), point.Worker.Loglet),
		At:      point.Worker.At(),
	}}
}

// reporter returns a log server that reported a loglet of the log, or nil.
func (p *Pass) reporter(log *snapshots.Log) *snapshots.LogletWorker {
	if p.Snapshot.Live == nil {
		return nil
	}
	loglets := p.Snapshot.Live.Loglets
	for i := range log.Segments {
		place, found := slices.BinarySearchFunc(loglets, logletOf(log, i), func(w snapshots.LogletWorker, id cluster.LogletID) int { return cmp.Compare(w.Loglet, id) })
		if found {
			return &loglets[place]
		}
	}
	return nil
}
