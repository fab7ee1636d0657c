package analyze

import (
	"cmp"
	"slices"

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
	selected = slices.Clone(selected)
	slices.SortFunc(selected, func(a, b *rules.Rule) int { return cmp.Compare(a.ID, b.ID) })
	result := &Result{
		Name:        snapshot.Name,
		ClusterName: snapshot.ClusterName(),
		Documents:   []Document{},
		Gaps:        []Gap{},
		Outcomes:    make([]Outcome, 0, len(selected)),
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
	reported := 0
	for _, pass := range passes {
		if pass == nil {
			continue
		}
		if len(logGaps) > 0 && slices.Contains(wantLogs, pass) {
			pass.Incomplete(snapshots.BifrostConfig)
		}
		pass.End()
		reported += pass.Reported()
	}
	result.Findings = make([]Finding, 0, reported)
	var related relatedPlaces
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
		for f := range pass.Findings() {
			result.Findings = append(result.Findings, findingOf(rule, f, &related))
		}
		result.Outcomes = append(result.Outcomes, options.conclude(rule, pass, pass.Reported(), append(missing[i], pass.Lacking()...)))
	}
	for _, gap := range append(slices.Clone(snapshot.Gaps), logGaps...) {
		kind := gap.Key
		result.Gaps = append(result.Gaps, Gap{Kind: kind, Source: gap.Source, Reason: gap.Reason})
	}
	slices.SortStableFunc(result.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source, b.Source))
	})
	sortFindings(result.Findings, selected, options.Settings)
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
