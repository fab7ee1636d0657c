package upgrade

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// NoFeature in Request.Uses says that no feature is in use but those that are named.
const NoFeature = "none"

// A Request says what somebody wants to do with a cluster. To or RollbackTo has to be there.
type Request struct {
	// To is the release to upgrade to; the zero value means none. ToPatch says that it is this very patch, and not the
	// newest one of its minor release.
	To      cluster.Release
	ToPatch bool
	// RollbackTo is the release that one must be able to go back to.
	RollbackTo      cluster.Release
	RollbackToPatch bool
	// From is what the user says that the cluster runs; the zero value means nothing. FromPatch says that it names a patch.
	From      cluster.Release
	FromPatch bool
	// Uses are features that the metadata does not show; see Matrix.Features and NoFeature.
	Uses []string
	// RequireComplete makes undecided evidence block.
	RequireComplete bool
	// Options are values of the options of rules, by the ids of the rules: they say what is usual in the cluster. Severities
	// and suppressions are not asked for: what the matrix calls a blocker blocks.
	Options map[string]map[string]int64
}

// ErrNoAnswer says that the snapshot lacks what every answer needs.
var ErrNoAnswer = errors.New("what the cluster runs cannot be told without nodes_config, a .cluster-marker or --from")

// Judge answers a request by a snapshot and the matrix that comes with the program. The error says that the request
// makes no sense for this cluster, or is ErrNoAnswer.
func Judge(version string, snapshot *snapshots.Snapshot, request Request) (*Report, error) {
	return JudgeBy(Known(), version, snapshot, request)
}

// JudgeBy is Judge with another matrix.
func JudgeBy(matrix *Matrix, version string, snapshot *snapshots.Snapshot, request Request) (*Report, error) {
	j := &judge{
		matrix: matrix, snapshot: snapshot, request: request,
		evidence: evidence{snapshot: snapshot, request: &request, matrix: matrix, results: make(map[cluster.Release]*analyze.Result)},
		report: &Report{
			SchemaVersion: SchemaVersion, Tool: analyze.Tool{Name: "restate-lint", Version: version},
			Snapshot: snapshot.Name, ClusterName: snapshot.ClusterName(), FromEvidence: []string{},
			Blockers: []Item{}, Warnings: []Item{}, Undecided: []Item{}, Steps: []Action{},
		},
	}
	j.running()
	if err := j.sensible(); err != nil {
		return nil, err
	}
	if nodes, _ := j.evidence.active(); len(nodes) == 0 && j.oldest.IsZero() && j.newest.IsZero() {
		return nil, ErrNoAnswer
	}
	if !request.To.IsZero() {
		j.aim(request.To, request.ToPatch)
		j.report.To = named(request.To, request.ToPatch)
	} else {
		j.aim(request.RollbackTo, request.RollbackToPatch)
	}
	j.degraded()
	for i := range matrix.Always {
		j.row(&matrix.Always[i], "")
	}
	j.markers()
	if !request.To.IsZero() {
		j.upgrade()
	}
	j.rollback()
	j.report.Verdict = j.verdict()
	return j.report, nil
}

// A judge is one request at work.
type judge struct {
	matrix   *Matrix
	snapshot *snapshots.Snapshot
	request  Request
	evidence evidence
	report   *Report

	// oldest and newest are what the nodes run. Of oldest perhaps only the minor release is known (inferred says that it
	// was concluded, not stated), or that it is not newer than atMost.
	oldest, newest cluster.Release
	minorOnly      bool
	inferred       bool
	atMost         Minor
	where          []snapshots.Position
}

func named(release cluster.Release, patch bool) string {
	if patch {
		return release.String()
	}
	return MinorOf(release).String()
}

func (j *judge) aim(target cluster.Release, patch bool) {
	j.evidence.target, j.evidence.patch = target, patch
}

// sensible refuses what is no upgrade and no rollback.
func (j *judge) sensible() error {
	to, back := j.request.To, j.request.RollbackTo
	for _, release := range []cluster.Release{to, back, j.request.From} {
		if err := j.matrix.Unknown(release); err != nil && !release.IsZero() {
			return err
		}
	}
	switch {
	case to.IsZero() && back.IsZero():
		return fmt.Errorf("say where to: a release to upgrade to, or to roll back to")
	case !to.IsZero() && !back.IsZero() && MinorOf(to).less(MinorOf(back)):
		return fmt.Errorf("%s is newer than %s: one cannot roll back to it", named(back, j.request.RollbackToPatch), named(to, j.request.ToPatch))
	case to.IsZero() && !j.newest.IsZero() && MinorOf(j.newest).less(MinorOf(back)):
		return fmt.Errorf("%s is newer than %v, which the cluster runs: ask with --to", named(back, j.request.RollbackToPatch), MinorOf(j.newest))
	case to.IsZero() || j.oldest.IsZero():
		return nil
	}
	if MinorOf(to).less(MinorOf(j.oldest)) || j.request.ToPatch && !j.minorOnly && to.Compare(j.oldest) < 0 {
		return fmt.Errorf("the cluster runs %s already: ask with --rollback-to whether it can go back to %s", j.report.From, named(to, j.request.ToPatch))
	}
	return nil
}

func locations(at []snapshots.Position) []analyze.Location {
	list := []analyze.Location{}
	for _, position := range at {
		if position.Source != nil {
			list = append(list, analyze.At(position))
		}
	}
	return list
}

// complete makes an item's lists be lists.
func complete(item Item) Item {
	if item.Locations == nil {
		item.Locations = []analyze.Location{}
	}
	item.Remedy = append([]string{}, item.Remedy...)
	item.Evidence = append([]string{}, item.Evidence...)
	return item
}

func (j *judge) block(item Item) { j.report.Blockers = append(j.report.Blockers, complete(item)) }

func (j *judge) warn(item Item) { j.report.Warnings = append(j.report.Warnings, complete(item)) }

func (j *judge) undecided(item Item) {
	j.report.Undecided = append(j.report.Undecided, complete(item))
}

// say puts an item where the answer wants it.
func (j *judge) say(item Item, effect Effect, a answer) {
	switch a.state {
	case unknown:
		item.Missing, item.Message = a.missing, "whether this applies: "+item.Message
		j.undecided(item)
	case no:
	case yes:
		item.Observed, item.Locations = a.observed, locations(a.at)
		item.Remedy = append(slices.Clone(a.remedy), item.Remedy...)
		if effect == Blocks {
			j.block(item)
		} else {
			j.warn(item)
		}
	}
}

func (j *judge) row(row *Row, step string) {
	item := Item{Check: row.Check, Row: row.ID, Step: step, Message: row.Says, Remedy: row.Do, Evidence: row.Evidence}
	j.say(item, row.Severity, j.evidence.ask(row.When))
}

// degraded looks for what forbids to start an upgrade just now.
func (j *judge) degraded() {
	nodes, whole := j.evidence.active()
	alone := whole && len(nodes) == 1
	for _, d := range j.matrix.Degraded {
		blocksFrom := d.BlocksFrom
		if alone {
			blocksFrom = max(blocksFrom, d.AloneBlocksFrom)
		}
		item := Item{Check: "upgrade-while-degraded", Row: d.Rule, Remedy: d.Do, Evidence: d.Evidence, Message: "the rule " + d.Rule + " finds something"}
		if rule := rules.Find(d.Rule); rule != nil {
			item.Message = rule.Summary
		}
		// Findings of a rule that would pass if this upgrade were finished do not forbid to finish it.
		underWay := d.Rule == "version-skew" && !j.request.To.IsZero() && MinorOf(j.newest) == MinorOf(j.request.To) &&
			!j.oldest.IsZero() && MinorOf(j.oldest) != MinorOf(j.newest)
		a := j.evidence.findings(d.Rule, func(s rules.Severity) bool { return s >= blocksFrom })
		effect := Blocks
		if a.state == yes && underWay && !d.tooFar(j) {
			effect = Warns
			item.Message = fmt.Sprintf("the upgrade to %v is under way", MinorOf(j.request.To))
			a.remedy = nil
		}
		if a.state == no && blocksFrom > rules.Warning {
			if a = j.evidence.findings(d.Rule, func(s rules.Severity) bool { return s == rules.Warning }); a.state != no {
				effect = Warns
			}
		}
		if a.state == unknown && d.Optional && rules.Find(d.Rule) != nil {
			continue
		}
		j.say(item, effect, a)
	}
	for _, o := range j.evidence.result().Outcomes {
		if o.State == analyze.Crashed {
			j.report.Crashed = append(j.report.Crashed, o.Rule+": "+o.Crash)
		}
	}
}

// tooFar reports whether the nodes are more than one minor release apart.
func (Degraded) tooFar(j *judge) bool {
	a, b := MinorOf(j.oldest), MinorOf(j.newest)
	return a.Major != b.Major || b.Minor-a.Minor > 1
}

// markers compares cluster markers with the metadata (R82).
func (j *judge) markers() {
	evidence := []string{"cluster_marker.rs: a server refuses to start over the marker of another cluster"}
	if len(j.snapshot.Markers) == 0 {
		j.undecided(Item{Check: "marker-inconsistent", Row: "marker-of-another-cluster", Message: "whether the data directories belong to this cluster, and which releases wrote them", Missing: ".cluster-marker", Evidence: evidence})
		return
	}
	nodes := j.snapshot.Nodes
	if nodes == nil {
		j.undecided(Item{Check: "marker-inconsistent", Row: "marker-of-another-cluster", Message: "whether the data directories belong to this cluster", Missing: "nodes_config", Evidence: evidence})
		return
	}
	// A tool on the way may have rounded the fingerprint of the nodes configuration.
	rounded := slices.ContainsFunc(j.snapshot.Oddities, func(o snapshots.Oddity) bool {
		return o.Document == nodes.Document && o.Kind == snapshots.RoundedNumber
	})
	// A cluster that has no fingerprint yet has one in none of its markers, or the same in all.
	own, ownAt, whose := nodes.Fingerprint, nodes.FingerprintAt, "the nodes configuration"
	for _, m := range j.snapshot.Markers {
		if own == 0 && m.Fingerprint != 0 {
			own, ownAt, whose = m.Fingerprint, m.FingerprintAt, m.Document.Source.Name
		}
	}
	for _, m := range j.snapshot.Markers {
		item := Item{Check: "marker-inconsistent", Row: "marker-of-another-cluster", Message: "a data directory belongs to another cluster: a server would refuse to start over it",
			Remedy: []string{"find out whose data directory it is, and give the node its own: base-dir, node-name and cluster-name in restate.toml"}, Evidence: evidence}
		switch {
		case m.ClusterName != nodes.ClusterName && m.ClusterName != "" && nodes.ClusterName != "":
			item.Observed = fmt.Sprintf("%s is of the cluster %q, the nodes configuration of %q", m.Document.Source.Name, m.ClusterName, nodes.ClusterName)
			item.Locations = locations([]snapshots.Position{m.ClusterNameAt})
		case rounded && m.Fingerprint != 0:
			item.Message, item.Remedy, item.Missing = "whether a data directory belongs to this cluster: the fingerprint in nodes_config was rounded", nil, "nodes_config as restatectl prints it"
			j.undecided(item)
			continue
		case m.Fingerprint != own && m.Fingerprint != 0:
			item.Observed = fmt.Sprintf("%s has the fingerprint %d, %s %d", m.Document.Source.Name, m.Fingerprint, whose, own)
			item.Locations = locations([]snapshots.Position{m.FingerprintAt, ownAt})
		default:
			continue
		}
		j.block(item)
	}
	if list, whole := j.evidence.active(); whole && len(j.snapshot.Markers) < len(list) {
		j.undecided(Item{Check: "marker-inconsistent", Row: "marker-of-another-cluster", Message: "whether all data directories belong to this cluster",
			Missing: fmt.Sprintf(".cluster-marker of %d of %d nodes", len(list)-len(j.snapshot.Markers), len(list)), Evidence: evidence})
	}
}

var skipEvidence = []string{"Restate documentation, upgrading: one minor release at a time", "cluster_marker.rs of every release"}

// upgrade goes from what runs to what is wanted (R80), step by step.
func (j *judge) upgrade() {
	to := MinorOf(j.request.To)
	from, known := MinorOf(j.oldest), !j.oldest.IsZero()
	skips := Item{Check: "upgrade-skips-minor", Row: "upgrade-skips-minor", Evidence: skipEvidence, Locations: locations(j.where)}
	var path []*Step
	switch {
	case known && from.Major != to.Major:
		skips.Message = fmt.Sprintf("from %v to %v is no step that this version of restate-lint knows", from, to)
		skips.Observed = strings.Join(j.report.FromEvidence, "; ")
		skips.Remedy = []string{"find out what the nodes run: restatectl nodes list; and use a restate-lint that knows that release"}
		j.block(skips)
	case known && to.Minor-from.Minor > 1, !known && !j.atMost.isZero() && to.Minor-j.atMost.Minor > 1:
		if !known {
			from = j.atMost
		}
		var between []string
		for m := (Minor{from.Major, from.Minor + 1}); m.less(to) && len(between) <= maxPlaces; m.Minor++ {
			between = append(between, m.String())
		}
		if len(between) > maxPlaces {
			between[maxPlaces] = "…"
		}
		skips.Message = fmt.Sprintf("from %v to %v skips %s: one minor release at a time", from, to, strings.Join(between, ", "))
		skips.Observed = strings.Join(j.report.FromEvidence, "; ")
		if step := j.matrix.to(to); step != nil {
			if from.less(step.AcceptsDataFrom) {
				skips.Message += fmt.Sprintf("; %v refuses to start over data of releases before %v", to, step.AcceptsDataFrom)
			} else {
				skips.Message += fmt.Sprintf("; %v starts, and skips the migrations in between", to)
			}
		}
		skips.Remedy = []string{fmt.Sprintf("upgrade all nodes to the newest patch of %s first", strings.Join(between, ", then of "))}
		j.block(skips)
	case !known:
		skips.Message = fmt.Sprintf("whether the cluster runs %d.%d, from which alone one goes to %v", to.Major, to.Minor-1, to)
		skips.Missing = "binary_version in nodes_config (Restate 1.6 and later), .cluster-marker, or --from"
		j.undecided(skips)
		from = Minor{to.Major, to.Minor - 1}
	}
	if from.Major == to.Major {
		for m := (Minor{from.Major, from.Minor + 1}); !to.less(m); m.Minor++ {
			step := j.matrix.to(m)
			if step == nil {
				j.block(Item{Check: "upgrade-skips-minor", Row: "step-unknown", Message: fmt.Sprintf("nothing is known about the step to %v", m), Remedy: []string{"use a restate-lint that knows it"}, Evidence: skipEvidence})
				break
			}
			path = append(path, step)
		}
	}
	for i, step := range path {
		if i == len(path)-1 {
			j.aim(j.request.To, j.request.ToPatch)
		} else {
			j.aim(step.To.release(), false)
		}
		for k := range step.Rows {
			j.row(&step.Rows[k], step.name())
		}
		if step.Preview {
			j.report.Preview = true
			j.warn(Item{Check: "upgrade-skips-minor", Row: "preview", Step: step.name(), Message: fmt.Sprintf("%v is not released as far as this version of restate-lint knows: its list is a preview", step.To), Evidence: step.Evidence})
		}
	}
	if step := j.matrix.to(to); step != nil && (len(path) > 0 || known && from == to) {
		j.report.WayBack = j.wayBack(step)
	}
	j.report.Already = j.already()
	j.plan(path)
}

// already reports whether all nodes run the very patch that is wanted.
func (j *judge) already() bool {
	nodes, whole := j.evidence.active()
	return j.request.ToPatch && !j.minorOnly && whole && len(nodes) > 0 && j.oldest.Compare(j.request.To) == 0 &&
		!slices.ContainsFunc(nodes, func(node *snapshots.Node) bool { return node.Release.Compare(j.request.To) != 0 })
}

// plan lists what is to be done, in order: first what heals the cluster, then, before every step, what it asks for.
func (j *judge) plan(path []*Step) {
	add := func(step string) {
		for _, b := range j.report.Blockers {
			if b.Step == step && b.Row != "upgrade-skips-minor" {
				j.report.Steps = append(j.report.Steps, Action{Clears: b.Row, Says: cmp.Or(b.Observed, b.Message), Do: b.Remedy})
			}
		}
	}
	add("")
	for i, step := range path {
		add(step.name())
		target := step.To.String()
		if i == len(path)-1 && j.request.ToPatch {
			target = j.request.To.String()
		}
		do := []string{oneByOne, "capture again, and ask again before the next step: restate-lint upgrade --to RELEASE SNAPSHOT"}
		if i == len(path)-1 {
			do[1] = checkAgain
		}
		for _, note := range step.Notes {
			do = append(do, "note: "+note)
		}
		if !j.request.ToPatch || i < len(path)-1 {
			target = "the newest patch of " + target
		}
		j.report.Steps = append(j.report.Steps, Action{Says: "upgrade all nodes to " + target, Do: do})
	}
	if len(path) == 0 && MinorOf(j.oldest) == MinorOf(j.request.To) && !j.report.Already {
		target := j.request.To.String()
		if !j.request.ToPatch {
			target = "the newest patch of " + MinorOf(j.request.To).String() + ", where they do not run it"
		}
		j.report.Steps = append(j.report.Steps, Action{Says: "upgrade all nodes to " + target, Do: []string{oneByOne, checkAgain}})
	}
}

const (
	oneByOne   = "restart one node after the other with it; wait until each is back"
	checkAgain = "capture again, and look at the new capture: restate-lint check SNAPSHOT"
)

// verdict is what follows from what was found so far.
func (j *judge) verdict() Verdict {
	if len(j.report.Blockers) > 0 || j.request.RequireComplete && len(j.report.Undecided) > 0 {
		return NoGo
	}
	return Go
}
