package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

// A Round hands the logs of a snapshot to several passes, one log at a time. A pass that panics is out; the others go on.
type Round struct {
	logs     []logVisitor
	segments []segmentVisitor
	visited  int
	at       *Pass // whose turn it is

	// wanted are those who want the segments of a placement.
	wanted perPlacement[[]*segmentVisitor]
}

type logVisitor struct {
	pass  *Pass
	visit func(*snapshots.Log)
}

type segmentVisitor struct {
	pass   *Pass
	wanted func(*snapshots.Placement) bool
	visit  func(log *snapshots.Log, i int)
}

// NewRound begins a round over the passes, after they were started.
func NewRound(passes []*Pass) *Round {
	round := new(Round)
	for _, pass := range passes {
		for _, visit := range pass.visit {
			round.logs = append(round.logs, logVisitor{pass, visit})
		}
		round.segments = append(round.segments, pass.segments...)
	}
	round.wanted.make = round.by
	return round
}

// Visit gives all passes the next log.
func (r *Round) Visit(log *snapshots.Log) {
	r.visited++
	for next, done := (turn{}), false; !done; {
		done = r.resume(&next, log)
	}
}

// A turn is how far a log was handed round.
type turn struct{ visitor, run, wanted int }

// resume goes on where a pass has panicked. It reports whether everybody had their turn.
func (r *Round) resume(next *turn, log *snapshots.Log) (done bool) {
	defer func() {
		if problem := recover(); problem != nil {
			r.at.crash = fmt.Sprint(problem)
		}
	}()
	for next.visitor < len(r.logs) {
		v := &r.logs[next.visitor]
		next.visitor++
		if r.turnOf(v.pass) {
			v.visit(log)
		}
	}
	for ; next.run < len(log.Runs); next.run, next.wanted = next.run+1, 0 {
		run := log.Runs[next.run]
		first := &log.Segments[run.First]
		if first.Placement == nil {
			if undecodable(first) {
				for i := range r.segments {
					r.segments[i].pass.Incomplete(snapshots.BifrostConfig)
				}
			}
			continue
		}
		by := r.wanted.of(first.Placement)
		for next.wanted < len(by) {
			v := by[next.wanted]
			next.wanted++
			for i := run.First; i < run.End && r.turnOf(v.pass); i++ {
				v.visit(log, i)
			}
		}
	}
	return true
}

// turnOf makes it the turn of a pass, unless it has panicked before.
func (r *Round) turnOf(pass *Pass) bool {
	if pass.crash != "" {
		return false
	}
	if r.at = pass; pass.visited != r.visited {
		pass.visited, pass.trim.asked, pass.trim.ok = r.visited, false, false
	}
	return true
}

// by are those who want the segments of a placement. Should one of them panic, nobody's answer is remembered.
func (r *Round) by(placement *snapshots.Placement) (by []*segmentVisitor) {
	for i := range r.segments {
		if v := &r.segments[i]; r.turnOf(v.pass) && v.wanted(placement) {
			by = append(by, v)
		}
	}
	return by
}
