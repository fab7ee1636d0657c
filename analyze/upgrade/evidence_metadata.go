package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

type kindSeen struct {
	count int
	first string
	at    snapshots.Position
}

// What follows asks the documents of the metadata.

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
	var frozen []cluster.PartitionID
	a := e.eachEpoch(func(epoch *snapshots.Epoch) (string, snapshots.Position) {
		if freeze := epoch.LeadershipFreeze; freeze != nil {
			frozen = append(frozen, epoch.Partition)
			return "is frozen", freeze.At
		}
		return "", snapshots.Position{}
	})
	if len(frozen) > 0 {
		a.remedy = []string{rules.UnfreezeLeadership(e.snapshot, frozen)}
	}
	return a
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
