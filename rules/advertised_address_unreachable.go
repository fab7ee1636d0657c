package rules

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"restate-lint/snapshots"
)

var _ = register(&advertisedAddressUnreachable)

var advertisedAddressUnreachable = Rule{
	ID:       "advertised-address-unreachable",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "other nodes cannot reach the address that a node advertises",
	Doc: Doc{
		Checks: "The addresses of the registered nodes, in a cluster of two or more. An **error** for each node with an unspecified address (`0.0.0.0`, `[::]`), and for each with a loopback address (`127.0.0.0/8`, `[::1]`, `localhost`) or a unix socket, " +
			"unless *all* nodes have one: then they run on one machine, which is a single **note** for the cluster. " +
			"A **warning** for each link-local address, for each `http` address without a port or with port 80, and one for the cluster if some addresses are `http` and others `https`.",
		Why: "Nodes talk to each other under these addresses. Who advertises one that leads the others to themselves is dead for all of them: no quorum with it, no leader on it, though its process runs.",
		Legal: "Several nodes on one machine with ports of their own, as in the documentation's example: the machine is then the only failure domain, whatever the replication says. " +
			"Port 80 is right if a proxy listens there.",
		Fix: "Set `advertised-address` (`http://host:5122`) or, from Restate 1.6 on, `advertised-host` of the node and restart it; from 1.6 on Restate finds out an address by itself if neither is set.",
		Evidence: []string{
			"restatedev/restate #2940; Restate documentation, networking",
			"an address without a port means port 80, while nodes listen on 5122",
			"Restate 1.5.3 to 1.7.12: clusters of three nodes on 127.0.0.1 with distinct ports are healthy, so one machine for all of them is a note and no warning",
		},
	},
	Run: func(pass *Pass) {
		nodes := registered(pass.Snapshot.Nodes, everyNode)
		if len(nodes) < 2 {
			return
		}
		var local, plain, secure []*snapshots.Node
		readable := 0
		for _, node := range nodes {
			address, ok := parseEndpoint(node.Address)
			if !ok {
				continue
			}
			readable++
			switch {
			case address.local():
				local = append(local, node)
			case address.unspecified():
				pass.Report(addressFinding(node, "an unspecified address", "every node that connects to it connects to itself"))
			case address.linkLocal():
				f := addressFinding(node, "a link-local address", "only machines on the same link reach it, and only with a zone")
				f.Severity = Warning
				pass.Report(f)
			case address.scheme == "http" && address.port == "80":
				f := addressFinding(node, "port 80", "nodes listen on 5122 by default: most likely the port was forgotten")
				f.Severity = Warning
				f.Expected = "an address with the port of the node, such as http://host:5122/"
				pass.Report(f)
			}
			switch address.scheme {
			case "http":
				plain = append(plain, node)
			case "https":
				secure = append(secure, node)
			}
		}
		if len(local) < readable {
			for _, node := range local {
				pass.Report(addressFinding(node, "an address that leads nowhere from another machine", "to the other nodes it is dead, though its process runs"))
			}
		} else if readable > 1 {
			pass.Report(Finding{
				Severity: Note,
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "one-host"},
				Title:    fmt.Sprintf("all %d nodes run on one machine", readable),
				Observed: "loopback addresses of " + nodeList(local),
				Expected: "a machine for every node, in production",
				Why:      "the machine is the only failure domain, whatever the replication is",
				At:       local[0].AddressAt,
			})
		}
		if len(plain) > 0 && len(secure) > 0 {
			pass.Report(Finding{
				Severity: Warning,
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "scheme"},
				Title:    fmt.Sprintf("some nodes have http addresses and others https: %s and %s", nodeList(plain), nodeList(secure)),
				Observed: "http and https",
				Expected: "one scheme",
				Why:      "nodes that speak TLS and nodes that do not may fail to connect in one direction",
				At:       secure[0].AddressAt,
				Related:  []Related{{Message: fmt.Sprintf("%v has an http address", plain[0].ID), At: plain[0].AddressAt}},
				Remedy:   []string{"set advertised-address of " + nodeList(plain)},
			})
		}
	},
}

func addressFinding(node *snapshots.Node, what, why string) Finding {
	return Finding{
		Subject:  Subject{Node: node.ID.String()},
		Title:    fmt.Sprintf("%s advertises %s: %s", nodeTitle(node), what, node.Address),
		Observed: "address " + node.Address,
		Expected: "an address that the other nodes reach, such as http://host:5122/",
		Why:      why,
		At:       node.AddressAt,
		Cause:    what,
		Remedy:   []string{"set advertised-address of " + nodeTitle(node) + " and restart it"},
	}
}

// An endpoint is where a node can be reached.
type endpoint struct {
	scheme string
	// host is in lower case, an IP address in its shortest form; empty for unix sockets.
	host, port string
	unix       bool
}

// parseEndpoint reads an advertised address: http://host:port/, https://…, unix:/path, or host:port.
func parseEndpoint(address string) (endpoint, bool) {
	if strings.HasPrefix(address, "unix:") {
		return endpoint{scheme: "unix", unix: true}, true
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" {
		return endpoint{}, false
	}
	e := endpoint{scheme: strings.ToLower(parsed.Scheme), host: strings.ToLower(parsed.Hostname()), port: parsed.Port()}
	if ip, err := netip.ParseAddr(e.host); err == nil {
		e.host = ip.Unmap().String()
	}
	if e.port == "" {
		e.port = map[string]string{"http": "80", "https": "443"}[e.scheme]
	}
	return e, true
}

func (e endpoint) ip() netip.Addr {
	ip, _ := netip.ParseAddr(e.host)
	return ip
}

// local is true for what leads every machine to itself.
func (e endpoint) local() bool {
	return e.unix || e.ip().IsLoopback() || e.host == "localhost" || strings.HasSuffix(e.host, ".localhost")
}

func (e endpoint) unspecified() bool { return e.ip().IsUnspecified() }

func (e endpoint) linkLocal() bool { return e.ip().IsLinkLocalUnicast() }
