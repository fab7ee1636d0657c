package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// Options say what a snapshot is judged for. The zero value judges a cluster as it runs.
type Options struct {
	// Target is the release that an upgrade aims at; the zero value means none. Rules that know what the release does
	// differently then judge by it.
	Target cluster.Release
	// Settings are what is to be otherwise about rules, by their ids.
	Settings map[string]rules.Settings
}

// Check runs rules over a snapshot. It never fails: what cannot be read is a gap, a rule that lacks evidence is
// undecided, and a rule that panics is crashed, while the others go on. The logs are read once for all rules.
func Check(snapshot *snapshots.Snapshot, selected []*rules.Rule) *Result {
	return CheckWith(snapshot, selected, Options{})
}

// CheckWith is Check with options.
func CheckWith(snapshot *snapshots.Snapshot, selected []*rules.Rule, options Options) *Result {
	selected = slices.SortedFunc(slices.Values(selected), func(a, b *rules.Rule) int { return cmp.Compare(a.ID, b.ID) })
	result := &Result{
		Name:        snapshot.Name,
		ClusterName: snapshot.ClusterName(),
		Documents:   []Document{},
		Gaps:        []Gap{},
		Outcomes:    []Outcome{},
		Findings:    []Finding{},
		Snapshot:    snapshot,
		Inventory:   inventory(snapshot),
	}
	for _, d := range snapshot.Documents {
		result.Documents = append(result.Documents, Document{Kind: d.Key(), Source: d.Source.Name, Bytes: d.Source.Size, Version: uint32(d.Version)})
	}

	passes := make([]*rules.Pass, len(selected))
	missing := make([][]snapshots.Kind, len(selected))
	var wantLogs []*rules.Pass
	for i, rule := range selected {
		if !applies(rule, snapshot) {
			continue
		}
		var possible bool
		if missing[i], possible = evidence(rule, snapshot); !possible {
			continue
		}
		passes[i] = rule.Start(snapshot, options.Target, options.Settings[rule.ID].Options)
		if passes[i].WantsLogs() {
			wantLogs = append(wantLogs, passes[i])
		}
	}
	var logGaps []snapshots.Gap
	if snapshot.Logs != nil {
		logGaps = readLogs(snapshot.Logs, wantLogs, &result.Inventory)
	}
	var found []reported
	for i, rule := range selected {
		pass := passes[i]
		if pass == nil {
			state := Undecided
			if len(missing[i]) == 0 {
				state = NotApplicable
			}
			result.Outcomes = append(result.Outcomes, options.outcome(rule, state, missing[i]))
			continue
		}
		if len(logGaps) > 0 && slices.Contains(wantLogs, pass) {
			pass.Incomplete(snapshots.BifrostConfig)
		}
		pass.End()
		before := len(found)
		for f := range pass.Findings() {
			found = append(found, reported{rule: rule, found: f, severity: cmp.Or(f.Severity, rule.Severity)})
		}
		result.Outcomes = append(result.Outcomes, options.conclude(rule, pass, len(found)-before, append(missing[i], pass.Lacking()...)))
	}
	for _, gap := range append(slices.Clone(snapshot.Gaps), logGaps...) {
		kind := gap.Key
		result.Gaps = append(result.Gaps, Gap{Kind: kind, Source: gap.Source, Reason: gap.Reason})
	}
	slices.SortStableFunc(result.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source, b.Source))
	})
	sortFindings(found, options.Settings)
	result.Findings = make([]Finding, len(found))
	for i := range found {
		result.Findings[i] = found[i].finding()
	}
	return result
}

// readLogs gives every log to the passes that want it and counts on the way.
func readLogs(logs *snapshots.Logs, passes []*rules.Pass, counts *Inventory) []snapshots.Gap {
	counts.Logs, counts.Segments = 0, 0
	round := rules.NewRound(passes)
	return logs.Each(func(log *snapshots.Log) {
		counts.Logs++
		counts.Segments += len(log.Segments)
		round.Visit(log)
	})
}

// applies is false only when the snapshot shows that the cluster has nothing that the rule is about: it runs an older
// release, or the metadata store was asked for the schema registry and has none, as before the first deployment.
func applies(rule *rules.Rule, snapshot *snapshots.Snapshot) bool {
	if slices.Contains(rule.Needs, snapshots.SchemaRegistry) && snapshot.Schema == nil &&
		slices.ContainsFunc(snapshot.Gaps, func(g snapshots.Gap) bool { return g.Kind == snapshots.SchemaRegistry && g.Null }) {
		return false
	}
	release := snapshot.Release()
	return rule.Since.IsZero() || release.IsZero() || release.Compare(rule.Since) >= 0
}

// evidence returns the documents that a rule needs and that were not captured as a whole, and whether the rule can
// run at all. A rule runs over the logs, the rows of a query's result and the files of a snapshot repository that could be
// read; without a finding it is then undecided. It does not run over a nodes configuration with holes, which would make
// registered nodes look unknown.
func evidence(rule *rules.Rule, snapshot *snapshots.Snapshot) (missing []snapshots.Kind, possible bool) {
	possible = true
	for _, kind := range rule.Needs {
		if snapshot.Captured(kind) {
			continue
		}
		missing = append(missing, kind)
		partly := kind == snapshots.BifrostConfig && snapshot.Logs != nil || (kind.Live() || kind == snapshots.SnapshotRepository) && snapshot.Document(kind) != nil
		possible = possible && partly
	}
	return missing, possible
}

func (options *Options) outcome(rule *rules.Rule, state State, missing []snapshots.Kind) Outcome {
	o := Outcome{Rule: rule.ID, Severity: rule.Judge(rule.Severity, options.Settings[rule.ID]), State: state, Missing: []string{}, Revision: rule.Revision}
	slices.Sort(missing)
	for _, kind := range slices.Compact(missing) {
		o.Missing = append(o.Missing, string(kind))
	}
	return o
}

// conclude says what became of a rule that ran.
func (options *Options) conclude(rule *rules.Rule, pass *rules.Pass, findings int, missing []snapshots.Kind) Outcome {
	state := Passed
	switch {
	case pass.Crash() != "":
		state = Crashed
	case findings > 0:
		state, missing = Found, nil
	case len(missing) > 0:
		state = Undecided
	}
	o := options.outcome(rule, state, missing)
	o.Findings = findings
	o.Crash = pass.Crash()
	return o
}

// A reported finding waits for its place in the report.
type reported struct {
	rule        *rules.Rule
	found       *rules.Finding
	severity    rules.Severity
	fingerprint string
}

func (r *reported) finding() Finding {
	f := r.found
	result := Finding{
		Rule:        r.rule.ID,
		Severity:    r.severity,
		Fingerprint: r.fingerprint,
		Subject:     f.Subject,
		Title:       f.Title,
		Message:     f.Message(),
		Nodeset:     f.Nodeset,
		Observed:    f.Observed,
		Expected:    f.Expected,
		Why:         f.Why,
		Cause:       f.Cause,
		Location:    At(f.At),
		Related:     make([]Related, 0, len(f.Related)),
		Remedy:      f.Remedy,
	}
	if result.Remedy == nil {
		result.Remedy = []string{}
	}
	for _, related := range f.Related {
		result.Related = append(result.Related, Related{Message: related.Message, Location: At(related.At)})
	}
	return result
}

// At is the location of a position. It has no line yet.
func At(at snapshots.Position) Location {
	l := Location{Pointer: at.Pointer, Position: at}
	if at.Source != nil {
		l.Source = at.Source.Name
	}
	return l
}

// sortFindings puts the findings into canonical order and gives each its fingerprint, made unique. What is set of rules
// changes severities and the order, and no fingerprint.
func sortFindings(found []reported, settings map[string]rules.Settings) {
	slices.SortFunc(found, compareFindings)
	seen := make(map[string]int, len(found))
	for i := range found {
		found[i].fingerprint = found[i].rule.ID + "@" + found[i].found.Subject.Entity()
		seen[found[i].fingerprint]++
		if n := seen[found[i].fingerprint]; n > 1 {
			found[i].fingerprint = fmt.Sprintf("%s#%d", found[i].fingerprint, n)
		}
	}
	if len(settings) == 0 {
		return
	}
	for i := range found {
		found[i].severity = found[i].rule.Judge(found[i].severity, settings[found[i].rule.ID])
	}
	slices.SortStableFunc(found, compareFindings)
}

// compareFindings orders by nothing that depends on where in a source something stands, but for the order of the segments
// within one chain.
func compareFindings(a, b reported) int {
	return cmp.Or(
		-cmp.Compare(a.severity, b.severity),
		cmp.Compare(a.rule.ID, b.rule.ID),
		compareSubjects(&a.found.Subject, &b.found.Subject),
		cmp.Compare(chainPlace(a.found.At.Pointer), chainPlace(b.found.At.Pointer)),
		cmp.Compare(a.found.Title, b.found.Title),
		cmp.Compare(a.found.Observed, b.found.Observed),
	)
}

// chainPlace orders findings about segments that claim the same index, which a damaged chain may have.
func chainPlace(pointer string) int {
	_, rest, ok := strings.Cut(pointer, "/chain/")
	place := 0
	if ok {
		for _, c := range []byte(rest) {
			if c < '0' || c > '9' {
				break
			}
			place = place*10 + int(c-'0')
		}
	}
	return place
}

// compareSubjects orders by numbers where entities are numbered: segment 2 before segment 10.
func compareSubjects(a, b *rules.Subject) int {
	return cmp.Or(
		comparePointers(a.Log, b.Log),
		comparePointers(a.Segment, b.Segment),
		comparePointers(a.Partition, b.Partition),
		cmp.Compare(a.Deployment, b.Deployment),
		cmp.Compare(a.Document, b.Document),
		compareNodes(a.Node, b.Node),
		cmp.Compare(a.Part, b.Part),
	)
}

func comparePointers[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func compareNodes(a, b string) int {
	x, errX := cluster.ParseNodeID(a)
	y, errY := cluster.ParseNodeID(b)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(x, y)
}

// inventory counts what the snapshot holds, but for the logs, which are counted when they are read.
func inventory(s *snapshots.Snapshot) Inventory {
	counts := Inventory{Nodes: -1, Logs: -1, Segments: -1, Partitions: -1, Epochs: len(s.Epochs)}
	if s.Nodes != nil {
		counts.Nodes = s.Nodes.Len()
		var releases []cluster.Release
		for node := range s.Nodes.All() {
			switch {
			case node.Removed:
				counts.Removed++
				continue
			case node.Unreadable:
				continue
			case node.Release.IsZero():
				counts.ReleasesUnknown = true
			default:
				releases = append(releases, node.Release)
			}
			counts.Active++
		}
		slices.SortFunc(releases, cluster.Release.Compare)
		for _, release := range slices.Compact(releases) {
			counts.Releases = append(counts.Releases, release.String())
		}
	}
	if s.Partitions != nil {
		counts.Partitions = max(s.Partitions.Len(), int(min(s.Partitions.Count, 1<<16)))
		if s.Partitions.Len() > 0 {
			counts.Partitions = s.Partitions.Len()
		}
	}
	return counts
}

// NewReport gathers results, sorted by name.
func NewReport(version string, results ...*Result) *Report {
	report := &Report{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Name: "restate-lint", Version: version},
		Snapshots:     slices.SortedStableFunc(slices.Values(results), func(a, b *Result) int { return cmp.Compare(a.Name, b.Name) }),
	}
	if report.Snapshots == nil {
		report.Snapshots = []*Result{}
	}
	for _, result := range results {
		report.Summary.Add(result)
	}
	return report
}

// Add counts the findings and outcomes of one more result.
func (s *Summary) Add(result *Result) {
	for i := range result.Findings {
		switch f := &result.Findings[i]; {
		case f.Suppressed != nil:
			s.Suppressed++
		case f.Severity == rules.Error:
			s.Error++
		case f.Severity == rules.Warning:
			s.Warning++
		case f.Severity == rules.Note:
			s.Note++
		}
	}
	for _, o := range result.Outcomes {
		switch o.State {
		case Undecided:
			s.Undecided++
		case Crashed:
			s.Crashed++
		}
	}
}
