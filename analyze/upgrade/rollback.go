package upgrade

import (
	"cmp"
	"fmt"
	"math"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// rollback decides whether one can go back (R81, R83). Without a release that one must be able to go back to, the
// features that would forbid to go back to what runs now are warnings.
func (j *judge) rollback() {
	back := j.request.RollbackTo
	if back.IsZero() {
		if j.oldest.IsZero() || MinorOf(j.request.To) == MinorOf(j.oldest) {
			return
		}
		for i := range j.matrix.OneWay {
			row := &j.matrix.OneWay[i]
			if MinorOf(j.oldest).less(MinorOf(row.since)) && !MinorOf(j.request.To).less(MinorOf(row.since)) {
				if a := j.evidence.ask(row.When); a.state == yes {
					means := "no way back to"
					if row.Severity == Warns {
						means = "to keep in mind before going back to"
					}
					j.say(Item{Check: row.Check, Row: row.ID, Message: fmt.Sprintf("%s %v: %s", means, MinorOf(j.oldest), row.Says), Remedy: row.Do, Evidence: row.Evidence}, Warns, a)
				}
			}
		}
		return
	}
	before := len(j.report.Blockers)
	j.report.RollbackTo = named(back, j.request.RollbackToPatch)
	if !j.request.RollbackToPatch {
		back.Patch = math.MaxInt32
	}
	newest := j.newest
	if j.request.To.Compare(newest) > 0 {
		newest = j.request.To
	}
	tooFar := Item{Check: tooFarBack, Row: tooFarBack, Evidence: []string{"cluster_marker.rs: min_forward_compatible_version, by the newest release that ever ran"}}
	oldest, why, at := j.oldestStarting(newest)
	switch {
	case oldest.isZero():
		tooFar.Message = fmt.Sprintf("whether anything stands over the data that forbids to go back to %s", j.report.RollbackTo)
		tooFar.Missing = "binary_version in nodes_config (Restate 1.6 and later), .cluster-marker, or --from"
		if !newest.IsZero() {
			tooFar.Missing = fmt.Sprintf("a newer restate-lint, which knows %v", MinorOf(newest))
		}
		j.undecided(tooFar)
	case MinorOf(back).less(oldest):
		tooFar.Message = fmt.Sprintf("%s is too far back: the oldest release that still starts is %v", j.report.RollbackTo, oldest)
		tooFar.Observed, tooFar.Locations = why, locations(at)
		tooFar.Remedy = []string{fmt.Sprintf("go back to %v at most", oldest)}
		j.block(tooFar)
	}
	if !j.request.To.IsZero() {
		j.aim(j.request.To, j.request.ToPatch)
	}
	for i := range j.matrix.OneWay {
		row := &j.matrix.OneWay[i]
		// Nothing that a release after the newest one introduced can be there.
		if back.Compare(row.since) >= 0 || !newest.IsZero() && MinorOf(newest).less(MinorOf(row.since)) {
			continue
		}
		item := Item{Check: row.Check, Row: row.ID, Message: fmt.Sprintf("%s (since %v)", row.Says, row.since), Remedy: row.Do, Evidence: row.Evidence}
		a := j.evidence.ask(row.When)
		switch {
		case a.state != yes:
		case row.Severity == Blocks:
			item.Message = fmt.Sprintf("no way back to %s: %s", j.report.RollbackTo, item.Message)
		default:
			item.Message = fmt.Sprintf("to keep in mind before going back to %s: %s", j.report.RollbackTo, item.Message)
		}
		j.say(item, row.Severity, a)
	}
	if j.request.To.IsZero() {
		before = 0
	}
	for _, b := range j.report.Blockers[before:] {
		j.report.Steps = append(j.report.Steps, Action{Clears: b.Row, Says: cmp.Or(b.Observed, b.Message), Do: b.Remedy})
	}
	if j.request.To.IsZero() && j.verdict() == Go {
		j.report.Steps = append(j.report.Steps, Action{Says: "go back to " + j.report.RollbackTo, Do: []string{oneByOne, checkAgain}})
	}
}

const tooFarBack = "rollback-too-far"

// oldestStarting is the oldest release that starts over the data once newest ran, and how that is known; none when it
// is not.
func (j *judge) oldestStarting(newest cluster.Release) (oldest Minor, why string, at []snapshots.Position) {
	for _, m := range j.snapshot.Markers {
		if !m.MinForward.IsZero() && oldest.less(MinorOf(m.MinForward)) {
			oldest, why, at = MinorOf(m.MinForward), m.Document.Source.Name+" says so", []snapshots.Position{m.MinForwardAt}
		}
	}
	if step := j.matrix.to(MinorOf(newest)); step != nil && oldest.less(step.RollsBackTo) {
		oldest, why, at = step.RollsBackTo, fmt.Sprintf("data that %v wrote is refused by anything older", step.To), nil
	}
	return oldest, why, at
}

// wayBack says whether one can go back behind the step that leads to the wanted release, by what a rollback would find.
func (j *judge) wayBack(step *Step) string {
	if oldest, why, _ := j.oldestStarting(j.request.To); step.From.less(oldest) {
		return fmt.Sprintf("none to %v: the oldest release that still starts is %v (%s)", step.From, oldest, why)
	}
	for i := range j.matrix.OneWay {
		row := &j.matrix.OneWay[i]
		if row.Severity == Blocks && step.From.less(MinorOf(row.since)) && !step.To.less(MinorOf(row.since)) && j.evidence.ask(row.When).state == yes {
			return fmt.Sprintf("none to %v: %s", step.From, row.Says)
		}
	}
	return step.WayBack
}
