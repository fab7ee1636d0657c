package rules

import (
	"fmt"
	"iter"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A Pass is one rule at work on one snapshot.
type Pass struct {
	Snapshot *snapshots.Snapshot
	// Target is the release that an upgrade aims at. The zero value means none: the cluster is then judged by what it runs.
	Target cluster.Release

	rule    *Rule
	options map[string]int64

	findings [][]Finding // in chunks, as a large cluster can have very many
	reported int
	shared   shared
	lacking  []snapshots.Kind
	partial  []snapshots.Kind
	visit    []func(*snapshots.Log)
	segments []segmentVisitor
	visited  int // the logs that were visited when trim was last reset
	finally  []func()
	trim     trimAnswer
	// repository is 2 where the cluster has no repository for snapshots, and 0 until somebody asked.
	repository uint8
	crash      string
}

const (
	chunkSize   = 256
	fewFindings = 8 // nearly every rule has no more
)

// Report adds a finding. Where its remedy makes a snapshot, and the capture shows that there is no repository for one, the
// remedy says so.
func (p *Pass) Report(finding Finding) {
	p.reported++
	finding.Remedy = withRepository(p, finding.Remedy)
	last := len(p.findings) - 1
	if p.reported > fewFindings {
		p.shared.with(&finding)
	}
	if last < 0 || len(p.findings[last]) == chunkSize {
		size := chunkSize
		if last < 0 {
			size = fewFindings
		}
		p.findings = append(p.findings, make([]Finding, 0, size))
		last++
	}
	p.findings[last] = append(p.findings[last], finding)
}

// Logs calls visit for every log of the snapshot, after Run has returned: the logs are read once for all rules. The
// log is valid only during the call.
func (p *Pass) Logs(visit func(*snapshots.Log)) { p.visit = append(p.visit, visit) }

// Segments calls visit for every segment whose placement is wanted, in the order of the chains; like Logs, after Run has
// returned. Neighbours mostly share their placement and clusters have few, so that nothing but wanted is asked of all others:
// about once for each distinct placement. Where a segment cannot be decoded nobody knows what it has: a rule that finds
// nothing is then undecided.
func (p *Pass) Segments(wanted func(*snapshots.Placement) bool, visit func(log *snapshots.Log, i int)) {
	p.segments = append(p.segments, segmentVisitor{p, wanted, visit})
}

// Finally calls conclude once after the last log.
func (p *Pass) Finally(conclude func()) { p.finally = append(p.finally, conclude) }

// Lacks says that a part of the check needs a document, or a part of one, that was not captured or cannot be decoded:
// without a finding the rule is undecided.
func (p *Pass) Lacks(kind snapshots.Kind) {
	if !slices.Contains(p.lacking, kind) {
		p.lacking = append(p.lacking, kind)
	}
}

// Incomplete says that a part of a document could not be read. What is not found in the rest may be there.
func (p *Pass) Incomplete(kind snapshots.Kind) {
	p.Lacks(kind)
	if !slices.Contains(p.partial, kind) {
		p.partial = append(p.partial, kind)
	}
}

// Whole reports whether all of a kind of document was captured and read: only then may a rule conclude anything from what
// it did not find. For the logs it is known in Finally.
func (p *Pass) Whole(kind snapshots.Kind) bool {
	return p.Snapshot.Captured(kind) && !slices.Contains(p.partial, kind)
}

// Start begins a pass of the rule over a snapshot, for the given target and with the given values of its options. The
// caller then gives it every log and ends it.
func (r *Rule) Start(snapshot *snapshots.Snapshot, target cluster.Release, options map[string]int64) *Pass {
	p := &Pass{Snapshot: snapshot, Target: target, rule: r, options: options}
	p.guard(func() { r.Run(p) })
	return p
}

// WantsLogs reports whether the pass has anything to do with logs.
func (p *Pass) WantsLogs() bool { return len(p.visit)+len(p.segments) > 0 && p.crash == "" }

// End concludes the pass.
func (p *Pass) End() {
	for _, conclude := range p.finally {
		if p.crash == "" {
			p.guard(conclude)
		}
	}
}

// Reported counts the findings.
func (p *Pass) Reported() int { return p.reported }

// Findings yields what the rule reported, in its own order, and lets go of it: a large cluster can have very many. What a
// rule found before it crashed counts.
func (p *Pass) Findings() iter.Seq[*Finding] {
	return func(yield func(*Finding) bool) {
		for ; len(p.findings) > 0; p.findings = p.findings[1:] {
			chunk := p.findings[0]
			p.findings[0] = nil
			for i := range chunk {
				if !yield(&chunk[i]) {
					return
				}
			}
		}
	}
}

// Lacking are the kinds of documents that the rule missed while it ran.
func (p *Pass) Lacking() []snapshots.Kind { return p.lacking }

// Crash says what the rule panicked with; empty when it did not.
func (p *Pass) Crash() string { return p.crash }

func (p *Pass) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			p.crash = fmt.Sprint(r)
		}
	}()
	f()
}
