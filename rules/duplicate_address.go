package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&duplicateAddress)

var duplicateAddress = Rule{
	ID:       "duplicate-address",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "two registered nodes have the same address",
	Doc: Doc{
		Checks: "The advertised addresses of all registered nodes, by host and port. One **error** for each address that several have. Unix sockets are passed over: each machine has its own.",
		Why: "One process answers for several ids. Mostly a machine came back under another name, such as a container with a new host name, and registered again: the older id has no process any more, " +
			"but still counts in nodesets and replica sets. The others send it what is meant for the older one, and it refuses.",
		Legal: "Never for long. With a proxy in front of several nodes they would not tell each other apart.",
		Fix: "Set `node-name` so that it survives a restart. Remove the id without a process: `restatectl nodes set-storage-state --nodes N --storage-state gone --force` (Restate 1.4 and later) if its data is lost, " +
			"`restatectl logs reconfigure --log-id L`, `restatectl snapshots create P --trim-log`, `restatectl nodes remove --nodes N`. If two machines really share the address, set `advertised-address` of each.",
		Evidence: []string{
			"Restate 1.0 to 1.7: a node is found by its name and not by its address; a new name registers a new id",
			"restatedev/restate #5303: node names from host names of containers",
		},
	},
	Run: func(pass *Pass) {
		var order []endpoint
		byAddress := make(map[endpoint][]*snapshots.Node)
		for _, node := range registered(pass.Snapshot.Nodes, everyNode) {
			address, ok := parseEndpoint(node.Address)
			if !ok || address.unix {
				continue
			}
			address.scheme = ""
			if byAddress[address] == nil {
				order = append(order, address)
			}
			byAddress[address] = append(byAddress[address], node)
		}
		for _, address := range order {
			same := byAddress[address]
			if len(same) < 2 {
				continue
			}
			f := Finding{
				Subject:  Subject{Node: same[0].ID.String()},
				Title:    fmt.Sprintf("%s have the same address %s", nodeList(same), same[0].Address),
				Observed: plural(len(same), "node") + " at one address",
				Expected: "an address of its own for every node",
				Why:      "one process answers for all of them: the others are entries that nobody serves",
				At:       same[0].AddressAt,
				Cause:    same[0].Address,
				Remedy:   []string{"restatectl nodes list   # which of the ids runs?"},
			}
			for _, other := range same[1:min(len(same), listShown)] {
				f.Related = append(f.Related, Related{Message: fmt.Sprintf("%s has it, too", nodeTitle(other)), At: other.AddressAt})
			}
			pass.Report(f)
		}
	},
}
