package upgrade

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

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

type kindSeen struct {
	count int
	first string
	at    snapshots.Position
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
		e.results[e.target] = analyze.CheckWith(e.snapshot, selected, analyze.Options{Target: e.target})
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
	count := 0
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
	}
	if first != nil {
		a.observed, a.remedy = first.Title, first.Remedy
		if count > 1 {
			a.observed += fmt.Sprintf("; and %d more like it", count-1)
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

// eachNode looks for nodes that something holds for.
func (e *evidence) eachNode(look func(*snapshots.Node) (string, snapshots.Position)) answer {
	nodes, whole := e.active()
	var observed []string
	var at []snapshots.Position
	for _, node := range nodes {
		if text, where := look(node); text != "" {
			observed = append(observed, node.ID.String()+" "+text)
			at = append(at, where)
		}
	}
	if len(observed) == 0 && !whole {
		return undecided("nodes_config")
	}
	return decide(abridged(observed), at[:min(len(at), maxPlaces)])
}

// abridged keeps lists readable.
func abridged(list []string) []string {
	if len(list) <= maxPlaces {
		return list
	}
	return append(slices.Clone(list[:maxPlaces]), fmt.Sprintf("%d more", len(list)-maxPlaces))
}

func (e *evidence) storageState(arguments []string) answer {
	return e.eachNode(func(node *snapshots.Node) (string, snapshots.Position) {
		if string(node.Storage) == arguments[0] {
			return "is " + arguments[0], node.StorageAt
		}
		return "", node.At
	})
}

func (e *evidence) metadataState(arguments []string) answer {
	return e.eachNode(func(node *snapshots.Node) (string, snapshots.Position) {
		if string(node.Metadata) == arguments[0] {
			return "is " + arguments[0], node.MetadataAt
		}
		return "", node.At
	})
}

func (e *evidence) nodeZero([]string) answer {
	return e.eachNode(func(node *snapshots.Node) (string, snapshots.Position) {
		if node.ID == 0 {
			return "is registered", node.At
		}
		return "", node.At
	})
}

func (e *evidence) roleNowhere(arguments []string) answer {
	nodes, whole := e.active()
	for _, node := range nodes {
		if slices.Contains(node.Roles, cluster.Role(arguments[0])) {
			return answer{state: no}
		}
	}
	if !whole {
		return undecided("nodes_config")
	}
	d := e.snapshot.Nodes.Document
	return holds(fmt.Sprintf("%d nodes, none with the role %s", len(nodes), arguments[0]), d.At(d.Offset, ""))
}

func (e *evidence) noFingerprint([]string) answer {
	switch nodes := e.snapshot.Nodes; {
	case nodes == nil:
		return undecided("nodes_config")
	case nodes.Fingerprint != 0:
		return answer{state: no}
	case !nodes.Document.Complete:
		return undecided("nodes_config")
	default:
		return holds("no cluster_fingerprint", nodes.FingerprintAt)
	}
}

func (e *evidence) clusterFeatures([]string) answer {
	switch nodes := e.snapshot.Nodes; {
	case nodes == nil:
		return undecided("nodes_config")
	case len(nodes.Features) > 0:
		return holds(strings.Join(nodes.Features, ", "), nodes.FeaturesAt)
	case !nodes.Document.Complete:
		return undecided("nodes_config")
	}
	return answer{state: no}
}

func (e *evidence) defaultProvider(arguments []string) answer {
	if e.snapshot.Logs == nil {
		return undecided("bifrost_config")
	}
	provider := e.snapshot.Logs.DefaultProvider
	switch {
	case provider == nil && e.snapshot.Captured(snapshots.BifrostConfig):
		return answer{state: no}
	case provider == nil:
		return undecided("bifrost_config")
	case provider.Kind.String() == arguments[0]:
		return holds("default provider "+arguments[0], provider.At)
	}
	return answer{state: no}
}

func (e *evidence) logKind(arguments []string) answer {
	if e.snapshot.Logs == nil {
		return undecided("bifrost_config")
	}
	if e.kinds == nil {
		e.kinds = make(map[snapshots.LogletKind]*kindSeen)
		gaps := e.snapshot.Logs.Each(func(log *snapshots.Log) {
			for i := range log.Segments {
				kind := log.Segments[i].Kind
				seen := e.kinds[kind]
				if seen == nil {
					seen = &kindSeen{first: fmt.Sprintf("log %d", log.ID), at: log.At()}
					e.kinds[kind] = seen
				}
				seen.count++
			}
		})
		e.logGaps = len(gaps) > 0 || !e.snapshot.Captured(snapshots.BifrostConfig)
	}
	for kind, seen := range e.kinds {
		if kind.String() == arguments[0] {
			return holds(fmt.Sprintf("%d segments, the first in %s", seen.count, seen.first), seen.at)
		}
	}
	if e.logGaps {
		return undecided("bifrost_config")
	}
	return answer{state: no}
}

func (e *evidence) replicationEverywhere([]string) answer {
	switch table := e.snapshot.Partitions; {
	case table == nil:
		return undecided("partition_table")
	case table.Everywhere:
		return holds("replication everywhere", table.ReplicationAt)
	case !table.Document.Complete:
		return undecided("partition_table")
	}
	return answer{state: no}
}

// eachEpoch looks for partitions that something holds for.
func (e *evidence) eachEpoch(look func(*snapshots.Epoch) (string, snapshots.Position)) answer {
	var observed []string
	var at []snapshots.Position
	for _, epoch := range e.snapshot.Epochs {
		if text, where := look(epoch); text != "" {
			observed = append(observed, fmt.Sprintf("partition %d %s", epoch.Partition, text))
			at = append(at, where)
		}
	}
	if len(observed) == 0 && !e.snapshot.Captured(snapshots.EpochMetadata) {
		return undecided("pp_epoch_N")
	}
	return decide(abridged(observed), at[:min(len(at), maxPlaces)])
}

func (e *evidence) leadershipFrozen([]string) answer {
	return e.eachEpoch(func(epoch *snapshots.Epoch) (string, snapshots.Position) {
		if freeze := epoch.LeadershipFreeze; freeze != nil {
			return "is frozen", freeze.At
		}
		return "", snapshots.Position{}
	})
}

func (e *evidence) leadershipPolicy([]string) answer {
	return e.eachEpoch(func(epoch *snapshots.Epoch) (string, snapshots.Position) {
		switch {
		case epoch.LeadershipFreeze != nil:
			return "is frozen", epoch.LeadershipFreeze.At
		case epoch.Affinity != nil:
			return "has an affinity", epoch.Affinity.At
		}
		return "", snapshots.Position{}
	})
}

func (e *evidence) placementPolicy([]string) answer {
	return e.eachEpoch(func(epoch *snapshots.Epoch) (string, snapshots.Position) {
		if freeze := epoch.PlacementFreeze; freeze != nil {
			return "is frozen", freeze.At
		}
		return "", snapshots.Position{}
	})
}

// ruleBook goes by the gap: restatectl prints null for a key that does not exist, and nothing for a rule book.
func (e *evidence) ruleBook([]string) answer {
	for _, gap := range e.snapshot.Gaps {
		switch {
		case gap.Key != "rule_book":
		case gap.Null:
			return answer{state: no}
		default:
			return holds(gap.Source + " was captured, and is not null")
		}
	}
	return undecided("rule_book")
}

func (e *evidence) multiDB([]string) answer {
	for _, m := range e.snapshot.Markers {
		if m.MultiDB {
			return holds(m.Document.Source.Name+": use_multi_db_layout", m.MultiDBAt)
		}
	}
	return e.ofAllNodes(len(e.snapshot.Markers), ".cluster-marker")
}

func (e *evidence) latestFormat(arguments []string) answer {
	repository := e.snapshot.Repository
	if repository == nil {
		return undecided("the repository of partition snapshots")
	}
	for _, latest := range repository.Latest {
		if latest.Format == arguments[0] {
			return holds(latest.FormatAt.Source.Name+" has the format "+latest.Format, latest.FormatAt)
		}
	}
	if len(repository.Latest) == 0 || !e.snapshot.Captured(snapshots.SnapshotRepository) {
		return undecided("latest.json")
	}
	return answer{state: no}
}

// ofAllNodes is no when something was captured of every node, and unknown otherwise.
func (e *evidence) ofAllNodes(captured int, what string) answer {
	nodes, whole := e.active()
	switch {
	case captured == 0:
		return undecided("%s", what)
	case whole && captured < len(nodes):
		return undecided("%s of %d of %d nodes", what, len(nodes)-captured, len(nodes))
	}
	return answer{state: no}
}

func (e *evidence) dataDirectory(arguments []string) answer {
	seen := 0
	for _, l := range e.snapshot.Listings {
		if l.Has(arguments[0]) {
			return holds(l.Source.Name+" lists "+arguments[0], l.At(arguments[0]))
		}
		seen += l.Nodes
	}
	return e.ofAllNodes(seen, "a listing of the data directory")
}

// configs asks every configuration. A file that names no node is that of all of them.
func (e *evidence) configs(look func(*snapshots.ServerConfig) (found []string)) answer {
	var observed []string
	var at []snapshots.Position
	shared := false
	named := make(map[string]bool)
	for _, c := range e.snapshot.Configs {
		for _, setting := range look(c) {
			observed = append(observed, c.Source.Name+" sets "+setting)
			at = append(at, c.At(setting))
		}
		named[c.NodeName] = true
		shared = shared || c.NodeName == ""
	}
	switch nodes, _ := e.active(); {
	case len(observed) > 0:
		return decide(abridged(observed), at[:min(len(at), maxPlaces)])
	case len(e.snapshot.Configs) == 0:
		return undecided("restate.toml")
	case !shared:
		var lacking []string
		for _, node := range nodes {
			if !named[node.Name] {
				lacking = append(lacking, node.ID.String())
			}
		}
		if len(lacking) > 0 {
			return undecided("restate.toml of %s", strings.Join(abridged(lacking), ", "))
		}
	}
	return answer{state: no}
}

func (e *evidence) configKey(arguments []string) answer {
	return e.configs(func(c *snapshots.ServerConfig) []string { return settings(c, arguments) })
}

func settings(c *snapshots.ServerConfig, patterns []string) (found []string) {
	for _, pattern := range patterns {
		found = append(found, c.Find(pattern)...)
	}
	return found
}

func (e *evidence) configText(arguments []string) answer {
	return e.configs(func(c *snapshots.ServerConfig) (found []string) {
		for _, setting := range c.Find(arguments[0]) {
			if slices.ContainsFunc(c.Texts(setting), func(text string) bool { return strings.Contains(text, arguments[1]) }) {
				found = append(found, setting)
			}
		}
		return found
	})
}

func (e *evidence) used(arguments []string) answer {
	name := arguments[0]
	if slices.Contains(e.request.Uses, name) {
		return holds("you said that " + name + " is in use")
	}
	a := undecided("whether %s is in use", name)
	if len(arguments) > 1 {
		a = e.configs(func(c *snapshots.ServerConfig) []string {
			return slices.DeleteFunc(settings(c, arguments[1:]), c.Off)
		})
	}
	if a.state == unknown && slices.Contains(e.request.Uses, NoFeature) {
		return answer{state: no}
	}
	return a
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

// maxRegistry bounds how much of a schema registry is looked through, in bytes.
const maxRegistry = 64 << 20

var sdkVersion = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"sdk_version"\s*:\s*(null|"[^"]*")`) })

// sdk looks for the field by its name: the shape of the registry has changed over the releases.
func (e *evidence) sdk(arguments []string) answer {
	d := e.snapshot.Schema
	if d == nil {
		if e.noRegistry() {
			return answer{state: no}
		}
		return undecided("schema_registry")
	}
	text, err := readAll(d)
	if err != nil {
		return undecided("schema_registry: %v", err)
	}
	versions := sdkVersion().FindAllSubmatchIndex(text, -1)
	silent := len(versions) == 0 && bytes.Contains(text, []byte(`"protocol_type"`))
	for _, match := range versions {
		version := strings.Trim(string(text[match[2]:match[3]]), `"`)
		silent = silent || version == "null"
		if strings.HasPrefix(version, arguments[0]) {
			return holds("a deployment of "+version, d.At(d.Offset+int64(match[0]), ""))
		}
	}
	if silent || !d.Complete {
		return undecided("which SDK the deployments use")
	}
	return answer{state: no}
}

// protocolFrom looks at the lowest service protocol of every deployment: releases that do not know it cannot call it.
func (e *evidence) protocolFrom(arguments []string) answer {
	lowest, err := strconv.ParseUint(arguments[0], 10, 32)
	registry := e.snapshot.Registry
	switch {
	case err != nil:
		return undecided("%v", err)
	case registry == nil && e.noRegistry():
		return answer{state: no}
	case registry == nil:
		return undecided("schema_registry")
	}
	var observed []string
	var at []snapshots.Position
	silent := false
	for i := range registry.Deployments {
		deployment := &registry.Deployments[i]
		silent = silent || deployment.ProtocolStart == 0
		if deployment.ProtocolStart >= lowest {
			observed = append(observed, fmt.Sprintf("deployment %s speaks V%d to V%d", deployment.ID, deployment.ProtocolStart, deployment.ProtocolEnd))
			at = append(at, deployment.ProtocolAt)
		}
	}
	if len(observed) == 0 && (silent || !e.snapshot.Captured(snapshots.SchemaRegistry)) {
		return undecided("the service protocols of all deployments")
	}
	return decide(abridged(observed), at[:min(len(at), maxPlaces)])
}

// noRegistry reports whether the metadata store was asked for the schema registry and has none: nothing is deployed then.
func (e *evidence) noRegistry() bool {
	return slices.ContainsFunc(e.snapshot.Gaps, func(gap snapshots.Gap) bool { return gap.Kind == snapshots.SchemaRegistry && gap.Null })
}

func readAll(d *snapshots.Document) ([]byte, error) {
	f, err := d.Source.Open(d.Offset)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRegistry))
	return text, errors.Join(err, f.Close())
}
