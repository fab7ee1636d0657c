package analyze

import (
	"fmt"
	"slices"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A Ground is why `restatectl nodes remove` refuses a node, or why it accepts one without looking further.
type Ground string

// The grounds, in the order in which restatectl looks (Restate 1.2.2 to 1.7).
const (
	GroundUnregistered Ground = "not registered"   // accepts: removing nothing
	GroundReadWrite    Ground = "read-write"       // refuses
	GroundDisabled     Ground = "disabled"         // does not look at logs, and accepts unless it is a metadata member
	GroundProvider     Ground = "default provider" // refuses
	GroundLoglet       Ground = "loglet"           // refuses: a nodeset, or a segment of kind local
	GroundPanic        Ground = "panic"            // fails: the id of a loglet is not the one that it expects
	GroundMetadata     Ground = "metadata member"  // refuses
	GroundNothing      Ground = ""                 // accepts: nothing that it looks at is in the way
)

// A RestatectlAnswer is what `restatectl nodes remove` would do. It does not look at partitions, sequencers, the state of
// the worker, or at what would be left.
type RestatectlAnswer struct {
	// Accepts is nil if it depends on logs that were not captured.
	Accepts *bool  `json:"accepts"`
	Ground  Ground `json:"ground,omitempty"`
	// Refusals are the messages that it may print, one of them: it names one loglet only, another one each time.
	Refusals []string `json:"refusals"`
}

// restatectl is what `restatectl nodes remove` would do, in the order in which it looks. The messages are those of Restate
// 1.7.12 (tools/restatectl/src/commands/node/disable_node_checker.rs).
func (r *remover) restatectl(node *snapshots.Node, named *rules.NodeReferences) RestatectlAnswer {
	yes, no := true, false
	refuses := func(ground Ground, messages ...string) RestatectlAnswer {
		return RestatectlAnswer{Accepts: &no, Ground: ground, Refusals: messages}
	}
	switch {
	case node == nil || node.Removed:
		return RestatectlAnswer{Accepts: &yes, Ground: GroundUnregistered, Refusals: []string{}}
	case node.Unreadable:
		return RestatectlAnswer{Refusals: []string{}}
	}
	accepts := RestatectlAnswer{Accepts: &yes, Refusals: []string{}}
	switch node.Storage {
	case cluster.StorageReadWrite:
		return refuses(GroundReadWrite, "log server cannot be disabled because it is in read-write state")
	case cluster.StorageDisabled:
		accepts.Ground = GroundDisabled
	default:
		logs := r.snapshot.Logs
		if logs != nil && logs.DefaultProvider != nil && (logs.DefaultProvider.Kind == snapshots.Local || logs.DefaultProvider.Kind == snapshots.InMemory) {
			return refuses(GroundProvider, fmt.Sprintf("current default loglet provider '%v', does not support disabling nodes", logs.DefaultProvider.Kind))
		}
		if refusals := r.logletRefusals(named); len(refusals) > 0 {
			return refuses(GroundLoglet, refusals...)
		}
		switch {
		case r.references.Unaddressable.Count > 0:
			return refuses(GroundPanic, "to be present")
		case !r.logsRead || r.references.Undecodable > 0:
			accepts.Accepts = nil
		}
	}
	if isMetadataMember(node) {
		return refuses(GroundMetadata, "metadata server is an active member")
	}
	return accepts
}

// logletRefusals are the messages about loglets, one for each log that has one.
func (r *remover) logletRefusals(named *rules.NodeReferences) (messages []string) {
	nodesets := make(map[cluster.LogID]bool, len(named.Refusals))
	all := slices.Clone(named.Refusals)
	for _, refusal := range named.Refusals {
		nodesets[refusal.Loglet.Log()] = true
	}
	for _, refusal := range r.references.LocalRefusals {
		if !nodesets[refusal.Loglet.Log()] {
			all = append(all, refusal)
		}
	}
	slices.SortFunc(all, func(a, b rules.Refusal) int { return compareLoglets(a.Loglet, b.Loglet) })
	for _, refusal := range all {
		if refusal.Kind == snapshots.Replicated {
			messages = append(messages, fmt.Sprintf("log server is part of a node set of loglet %v. You need to trim this loglet before disabling the log server", refusal.Loglet))
		} else {
			messages = append(messages, fmt.Sprintf("loglet %v of kind %v requires node %v. You need to trim this loglet before disabling the node", refusal.Loglet, refusal.Kind, named.Node))
		}
	}
	return messages
}

func compareLoglets(a, b cluster.LogletID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
