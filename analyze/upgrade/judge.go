package upgrade

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// SchemaVersion is the version of the JSON form of a Report. Additions keep it; anything else raises it.
const SchemaVersion = 1

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
}

// A Verdict is the answer.
type Verdict string

// The verdicts.
const (
	Go   Verdict = "go"
	NoGo Verdict = "no go"
)

// A Report is the answer with its reasons. Its JSON form holds no times or absolute paths.
type Report struct {
	SchemaVersion int          `json:"schema_version"`
	Tool          analyze.Tool `json:"tool"`
	Snapshot      string       `json:"snapshot"`
	ClusterName   string       `json:"cluster_name"`
	// From is what the cluster runs: "1.6.2", "1.5" where only that can be told, and empty where nothing can.
	From string `json:"from"`
	// FromEvidence is where From is known from.
	FromEvidence []string `json:"from_evidence"`
	To           string   `json:"to,omitempty"`
	RollbackTo   string   `json:"rollback_to,omitempty"`
	Verdict      Verdict  `json:"verdict"`
	// WayBack says where one can go back to once To ran.
	WayBack   string `json:"way_back,omitempty"`
	Blockers  []Item `json:"blockers"`
	Warnings  []Item `json:"warnings"`
	Undecided []Item `json:"undecided"`
	// Steps are what has to be done, in order: what clears the blockers, then the upgrade itself.
	Steps []Action `json:"steps"`

	// Crashed are rules that panicked.
	Crashed []string `json:"-"`
}

// An Item is one reason for or against.
type Item struct {
	// Check is the rule or gate, and Row the row of the matrix, or the rule for upgrade-while-degraded.
	Check string `json:"check"`
	Row   string `json:"row"`
	// Step is the upgrade that the item belongs to, "1.6 → 1.7"; empty for all of them.
	Step    string `json:"step,omitempty"`
	Message string `json:"message"`
	// Observed is what was seen; Missing what would have to be captured, for what is undecided.
	Observed  string             `json:"observed,omitempty"`
	Missing   string             `json:"missing,omitempty"`
	Locations []analyze.Location `json:"locations"`
	Remedy    []string           `json:"remedy"`
	Evidence  []string           `json:"evidence"`
}

// An Action is one of the steps to take.
type Action struct {
	// Clears is the row of the blocker that it clears; empty for an upgrade.
	Clears string   `json:"clears,omitempty"`
	Says   string   `json:"says"`
	Do     []string `json:"do"`
}

// Judge answers a request by a snapshot and the matrix that comes with the program. The error says that the request
// makes no sense for this cluster.
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
	j.conclude()
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

// firstStating is the first minor release whose nodes state what they run, firstFingerprint the first that makes one.
var firstStating, firstFingerprint = Minor{1, 6}, Minor{1, 5}

// running finds out what the cluster runs: the least of what nodes, markers and the user say.
func (j *judge) running() {
	say := func(format string, args ...any) {
		j.report.FromEvidence = append(j.report.FromEvidence, fmt.Sprintf(format, args...))
	}
	consider := func(release cluster.Release, at ...snapshots.Position) {
		if release.IsZero() {
			return
		}
		if j.oldest.IsZero() || release.Compare(j.oldest) < 0 {
			j.oldest, j.where = release, at
		}
		if release.Compare(j.newest) > 0 {
			j.newest = release
		}
	}
	nodes, whole := j.evidence.active()
	stated := make(map[cluster.Release][]string)
	var silent []string
	for _, node := range nodes {
		consider(node.Release, node.ReleaseAt)
		if node.Release.IsZero() {
			silent = append(silent, node.ID.String())
		} else {
			stated[node.Release] = append(stated[node.Release], node.ID.String())
		}
	}
	for _, release := range sortedKeys(stated) {
		say("binary_version of %s: %v", strings.Join(abridged(stated[release]), ", "), release)
	}
	for _, m := range j.snapshot.Markers {
		consider(m.Current, m.CurrentAt)
		if m.Max.Compare(j.newest) > 0 {
			j.newest = m.Max
		}
		if !m.Current.IsZero() {
			say("%s: %v", m.Document.Source.Name, m.Current)
		}
	}
	evidenced := j.oldest
	if !j.request.From.IsZero() {
		if j.request.FromPatch || MinorOf(evidenced) != MinorOf(j.request.From) {
			consider(j.request.From)
		}
		j.minorOnly = !j.request.FromPatch && j.oldest == j.request.From && evidenced != j.oldest
		say("you: %s", named(j.request.From, j.request.FromPatch))
		if !evidenced.IsZero() && MinorOf(evidenced) != MinorOf(j.request.From) {
			j.warn(Item{Check: "upgrade-skips-minor", Row: "from-contradicted", Message: fmt.Sprintf("you say that the cluster runs %s, the capture says %v; the older one counts", named(j.request.From, j.request.FromPatch), evidenced),
				Locations: locations(j.where), Remedy: []string{"restatectl nodes list"}})
		}
	}
	// A node that states nothing runs a release before 1.6, or one that does wrote the nodes configuration last.
	if len(silent) > 0 && whole && len(j.snapshot.Markers) == 0 && (j.oldest.IsZero() || !MinorOf(j.oldest).less(firstStating)) {
		fingerprint := j.snapshot.Nodes.Fingerprint != 0
		j.atMost = firstFingerprint
		j.where = []snapshots.Position{j.snapshot.Nodes.Document.At(j.snapshot.Nodes.Document.Offset, "")}
		if !j.request.From.IsZero() {
			j.warn(Item{Check: "upgrade-skips-minor", Row: "from-contradicted", Message: fmt.Sprintf("you say that the cluster runs %s, but %s no release, as all do from %v on; the older one counts", named(j.request.From, j.request.FromPatch), statesNone(silent), firstStating),
				Locations: locations(j.where), Remedy: []string{"restatectl nodes list"}})
		}
		j.oldest, j.minorOnly = cluster.Release{}, false
		if fingerprint {
			j.oldest, j.minorOnly, j.inferred = j.atMost.release(), true, true
			if j.newest.IsZero() {
				j.newest = j.oldest
			}
			say("concluded: %v, as %s no release (%v is the first to) and the cluster has a fingerprint (%v is the first to make one)", j.atMost, statesNone(silent), firstStating, firstFingerprint)
		} else {
			say("concluded: %v or older, as %s no release (%v is the first to)", j.atMost, statesNone(silent), firstStating)
		}
	}
	if !j.oldest.IsZero() {
		j.report.From = named(j.oldest, !j.minorOnly)
	}
	if j.inferred {
		j.undecided(Item{Check: "upgrade-skips-minor", Row: "from-concluded", Message: fmt.Sprintf("the cluster was concluded to run %v: no node states it", MinorOf(j.oldest)),
			Missing: ".cluster-marker, or --from"})
	}
	if j.snapshot.Nodes != nil && !whole {
		j.undecided(Item{Check: "upgrade-skips-minor", Row: "from-incomplete", Message: "some nodes could not be read: one of them may run an older release", Missing: "nodes_config"})
	}
}

func statesNone(silent []string) string {
	if len(silent) == 1 {
		return silent[0] + " states"
	}
	return strings.Join(abridged(silent), ", ") + " state"
}

func sortedKeys(m map[cluster.Release][]string) []cluster.Release {
	var keys []cluster.Release
	for release := range m {
		keys = append(keys, release)
	}
	slices.SortFunc(keys, cluster.Release.Compare)
	return keys
}

// sensible refuses what is no upgrade and no rollback.
func (j *judge) sensible() error {
	to, back := j.request.To, j.request.RollbackTo
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
func (j *judge) warn(item Item)  { j.report.Warnings = append(j.report.Warnings, complete(item)) }
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
	for _, d := range j.matrix.Degraded {
		item := Item{Check: "upgrade-while-degraded", Row: d.Rule, Evidence: d.Evidence, Message: "the rule " + d.Rule + " finds something"}
		if rule := rules.Find(d.Rule); rule != nil {
			item.Message = rule.Summary
		}
		// Findings of a rule that would pass if this upgrade were finished do not forbid to finish it.
		underWay := d.Rule == "version-skew" && !j.request.To.IsZero() && MinorOf(j.newest) == MinorOf(j.request.To) &&
			!j.oldest.IsZero() && MinorOf(j.oldest) != MinorOf(j.newest)
		a := j.evidence.findings(d.Rule, func(s rules.Severity) bool { return s >= d.BlocksFrom })
		effect := Blocks
		if a.state == yes && underWay && !d.tooFar(j) {
			effect = Warns
			item.Message = fmt.Sprintf("the upgrade to %v is under way", MinorOf(j.request.To))
			a.remedy = nil
		}
		if a.state == no && d.BlocksFrom > rules.Warning {
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
	for _, m := range j.snapshot.Markers {
		item := Item{Check: "marker-inconsistent", Row: "marker-of-another-cluster", Message: "a data directory belongs to another cluster: a server would refuse to start over it",
			Remedy: []string{"find out whose data directory it is, and give the node its own: base-dir, node-name and cluster-name in restate.toml"}, Evidence: evidence}
		switch {
		case m.ClusterName != nodes.ClusterName && m.ClusterName != "" && nodes.ClusterName != "":
			item.Observed = fmt.Sprintf("%s is of the cluster %q, the nodes configuration of %q", m.Document.Source.Name, m.ClusterName, nodes.ClusterName)
			item.Locations = locations([]snapshots.Position{m.ClusterNameAt})
		case m.Fingerprint != nodes.Fingerprint && m.Fingerprint != 0 && nodes.Fingerprint != 0:
			item.Observed = fmt.Sprintf("%s has the fingerprint %d, the nodes configuration %d", m.Document.Source.Name, m.Fingerprint, nodes.Fingerprint)
			item.Locations = locations([]snapshots.Position{m.FingerprintAt, nodes.FingerprintAt})
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
		skips.Missing = "a newer restate-lint"
		j.undecided(skips)
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
				j.undecided(Item{Check: "upgrade-skips-minor", Row: "step-unknown", Message: fmt.Sprintf("what stands in the way to %v: the matrix ends before it", m), Missing: "a newer restate-lint", Evidence: skipEvidence})
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
			j.warn(Item{Check: "upgrade-skips-minor", Row: "preview", Step: step.name(), Message: fmt.Sprintf("%v is not released as far as this version of restate-lint knows: its list is a preview", step.To), Evidence: step.Evidence})
		}
	}
	if step := j.matrix.to(to); step != nil && (len(path) > 0 || known && from == to) {
		j.report.WayBack = step.WayBack
	}
	j.plan(path)
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
		do := []string{"restart one node after the other with it; wait until each is back", "capture again, and ask again before the next step"}
		if i == len(path)-1 {
			do[1] = "capture again: restate-lint check"
		}
		for _, note := range step.Notes {
			do = append(do, "note: "+note)
		}
		if !j.request.ToPatch || i < len(path)-1 {
			target = "the newest patch of " + target
		}
		j.report.Steps = append(j.report.Steps, Action{Says: "upgrade all nodes to " + target, Do: do})
	}
}

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
					j.say(Item{Check: row.Check, Row: row.ID, Message: fmt.Sprintf("no way back to %v: %s", MinorOf(j.oldest), row.Says), Remedy: row.Do, Evidence: row.Evidence}, Warns, a)
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
	tooFar := Item{Check: "rollback-too-far", Row: "rollback-too-far", Evidence: []string{"cluster_marker.rs: min_forward_compatible_version, by the newest release that ever ran"}}
	oldest, why := Minor{}, ""
	var at []snapshots.Position
	for _, m := range j.snapshot.Markers {
		if !m.MinForward.IsZero() && oldest.less(MinorOf(m.MinForward)) {
			oldest, why, at = MinorOf(m.MinForward), m.Document.Source.Name+" says so", []snapshots.Position{m.MinForwardAt}
		}
	}
	if step := j.matrix.to(MinorOf(newest)); step != nil && oldest.less(step.RollsBackTo) {
		oldest, why, at = step.RollsBackTo, fmt.Sprintf("data that %v wrote is refused by anything older", step.To), nil
	}
	switch {
	case oldest.isZero():
		tooFar.Message = fmt.Sprintf("whether anything stands over the data that forbids to go back to %s", j.report.RollbackTo)
		tooFar.Missing = "binary_version in nodes_config (Restate 1.6 and later), .cluster-marker, or --from"
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
	if j.request.To.IsZero() {
		j.report.Steps = append(j.report.Steps, Action{Says: "go back to " + j.report.RollbackTo,
			Do: []string{"restart one node after the other with it; wait until each is back", "capture again: restate-lint check"}})
	}
}

// conclude draws the verdict.
func (j *judge) conclude() {
	r := j.report
	r.Verdict = Go
	if len(r.Blockers) > 0 || j.request.RequireComplete && len(r.Undecided) > 0 {
		r.Verdict = NoGo
	}
}

// Locate fills in the lines of all locations.
func (r *Report) Locate() error {
	var all []*analyze.Location
	for _, items := range [][]Item{r.Blockers, r.Warnings, r.Undecided} {
		for i := range items {
			for k := range items[i].Locations {
				all = append(all, &items[i].Locations[k])
			}
		}
	}
	return analyze.Locate(all)
}
