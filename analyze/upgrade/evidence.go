package upgrade

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// An answer is what the evidence says about a condition.
type answer struct {
	state answerState
	// observed is what was seen, for one that holds.
	observed string
	at       []snapshots.Position
	// remedy comes before what the row says, where a rule knows the very command.
	remedy []string
	// missing is what would have to be captured, for one that is unknown.
	missing string
}

type answerState uint8

const (
	unknown answerState = iota
	no
	yes
)

func holds(observed string, at ...snapshots.Position) answer {
	return answer{state: yes, observed: observed, at: at}
}

func undecided(format string, args ...any) answer {
	return answer{missing: fmt.Sprintf(format, args...)}
}

// decide is yes with what was observed, or no when nothing was.
func decide(observed []string, at []snapshots.Position) answer {
	if len(observed) == 0 {
		return answer{state: no}
	}
	return holds(strings.Join(observed, ", "), at...)
}

// A predicate is one kind of evidence.
type predicate struct {
	least, most int // arguments
	// about is its documentation, for those who extend the matrix.
	about string
	ask   func(e *evidence, arguments []string) answer
}

// predicates are all that a row of the matrix may ask for.
var predicates map[string]predicate

func init() { // the table refers to functions that refer to it
	predicates = map[string]predicate{
		"rule":                   {2, 4, "RULE SEVERITY...: the rule has a finding of one of the severities, judged for the release that the step leads to", (*evidence).rule},
		"config-key":             {1, 32, "SETTING...: some restate.toml has one of the settings; *.NAME means at any depth, and NAME may be a pattern", (*evidence).configKey},
		"config-text":            {2, 2, "SETTING PART: some restate.toml has a setting whose text contains PART", (*evidence).configText},
		"used":                   {1, 8, "FEATURE [SETTING...]: the user says so, or some restate.toml has one of the settings", (*evidence).used},
		"data-directory":         {1, 1, "ENTRY: the listing of some data directory has the entry", (*evidence).dataDirectory},
		"role-nowhere":           {1, 1, "ROLE: no registered node has the role", (*evidence).roleNowhere},
		"storage-state":          {1, 1, "STATE: some node has the storage state", (*evidence).storageState},
		"metadata-state":         {1, 1, "STATE: some node has the metadata server state", (*evidence).metadataState},
		"node-zero":              {0, 0, "some node has the id 0", (*evidence).nodeZero},
		"default-provider":       {1, 1, "KIND: new segments are of the kind", (*evidence).defaultProvider},
		"log-kind":               {1, 1, "KIND: some segment is of the kind", (*evidence).logKind},
		"replication-everywhere": {0, 0, "the partition table says `everywhere`", (*evidence).replicationEverywhere},
		"no-fingerprint":         {0, 0, "the cluster has no fingerprint", (*evidence).noFingerprint},
		"cluster-features":       {0, 0, "the cluster has features", (*evidence).clusterFeatures},
		"leadership-frozen":      {0, 0, "some partition's leadership is frozen", (*evidence).leadershipFrozen},
		"leadership-policy":      {0, 0, "some partition has a leadership policy", (*evidence).leadershipPolicy},
		"placement-policy":       {0, 0, "some partition has a placement policy", (*evidence).placementPolicy},
		"rule-book":              {0, 0, "there is a rule book", (*evidence).ruleBook},
		"multi-db-layout":        {0, 0, "some cluster marker says that there is a database for each partition", (*evidence).multiDB},
		"latest-json-format":     {1, 1, "FORMAT: the repository of partition snapshots has a latest.json of the format", (*evidence).latestFormat},
		"sdk":                    {1, 1, "NAME: some deployment was made with the SDK", (*evidence).sdk},
		"protocol-from":          {1, 1, "N: some deployment speaks no service protocol below N", (*evidence).protocolFrom},
		"target-between":         {2, 2, "RELEASE RELEASE: the wanted patch release is the first one or later, and before the second", (*evidence).targetBetween},
	}
}

// evidence is what a snapshot and the request say, asked for one step.
type evidence struct {
	snapshot *snapshots.Snapshot
	request  *Request
	// target is the release that the step leads to, and patch says that it was named exactly.
	target cluster.Release
	patch  bool

	results map[cluster.Release]*analyze.Result
	matrix  *Matrix
	kinds   map[snapshots.LogletKind]*kindSeen // nil until the logs were read
	logGaps bool
}

func (e *evidence) ask(c Condition) answer { return predicates[c.Predicate].ask(e, c.Arguments) }

// result is what the rules of the matrix say, judged for the target.
func (e *evidence) result() *analyze.Result {
	if e.results[e.target] == nil {
		var selected []*rules.Rule
		for _, id := range e.matrix.RuleIDs() {
			if rule := rules.Find(id); rule != nil {
				selected = append(selected, rule)
			}
		}
		settings := make(map[string]rules.Settings)
		for id, options := range e.request.Options {
			settings[id] = rules.Settings{Options: options}
		}
		e.results[e.target] = analyze.CheckWith(e.snapshot, selected, analyze.Options{Target: e.target, Settings: settings})
	}
	return e.results[e.target]
}

func (e *evidence) rule(arguments []string) answer {
	var severities []rules.Severity
	for _, word := range arguments[1:] {
		severity, err := rules.ParseSeverity(word)
		if err != nil {
			return undecided("%v", err)
		}
		severities = append(severities, severity)
	}
	return e.findings(arguments[0], func(s rules.Severity) bool { return slices.Contains(severities, s) })
}

// findings is what a rule found of some severities.
func (e *evidence) findings(id string, want func(rules.Severity) bool) answer {
	if rules.Find(id) == nil {
		return undecided("this version has no rule %s", id)
	}
	result := e.result()
	var first *analyze.Finding
	a := answer{state: yes}
	count, more := 0, false
	for i := range result.Findings {
		f := &result.Findings[i]
		if f.Rule != id || !want(f.Severity) {
			continue
		}
		if count++; count == 1 {
			first = f
		}
		if count <= maxPlaces {
			a.at = append(a.at, f.Location.Position)
		}
		for _, do := range f.Remedy {
			switch {
			case slices.Contains(a.remedy, do):
			case count == 1 || len(a.remedy) < maxPlaces: // one finding is cleared by all of its steps
				a.remedy = append(a.remedy, do)
			default:
				more = true
			}
		}
	}
	if first != nil {
		a.observed = first.Title
		if count > 1 {
			a.observed += fmt.Sprintf("; and %d more like it", count-1)
		}
		if more {
			a.remedy = append(a.remedy, "and so on for the others: restate-lint check --rule "+id+" --all SNAPSHOT")
		}
		return a
	}
	for _, o := range result.Outcomes {
		switch {
		case o.Rule != id:
		case o.State == analyze.Undecided && slices.Equal(o.Missing, []string{string(snapshots.SchemaRegistry)}) && e.noRegistry():
			return answer{state: no} // there is no deployment
		case o.State == analyze.Undecided:
			return undecided("%s", strings.Join(o.Missing, ", "))
		case o.State == analyze.Crashed:
			return undecided("the rule %s crashed: %s", id, o.Crash)
		}
	}
	return answer{state: no}
}

// maxPlaces bounds the places that are named for one blocker.
const maxPlaces = 8

// active are the registered nodes. ok is false when that cannot be told.
func (e *evidence) active() (nodes []*snapshots.Node, ok bool) {
	if e.snapshot.Nodes == nil {
		return nil, false
	}
	for node := range e.snapshot.Nodes.All() {
		if !node.Removed {
			nodes = append(nodes, node)
		}
	}
	return nodes, e.snapshot.Captured(snapshots.NodesConfig)
}

// abridged keeps lists readable.
func abridged(list []string) []string {
	if len(list) <= maxPlaces {
		return list
	}
	return append(slices.Clone(list[:maxPlaces]), fmt.Sprintf("%d more", len(list)-maxPlaces))
}

func (e *evidence) targetBetween(arguments []string) answer {
	from, err := cluster.ParseRelease(arguments[0])
	before, err2 := cluster.ParseRelease(arguments[1])
	switch {
	case err != nil || err2 != nil:
		return undecided("%v", cmp.Or(err, err2))
	case e.patch && e.target.Compare(from) >= 0 && e.target.Compare(before) < 0:
		return holds(e.target.String() + " is wanted")
	}
	return answer{state: no}
}
