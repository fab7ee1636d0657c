package rules

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logSingleFailureDomain)

var logSingleFailureDomain = Rule{
	ID:       "log-single-failure-domain",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "logs do not survive the loss of a single node or zone",
	Doc: Doc{
		Checks: "What the loss of each node does to every open replicated tail with two copies or more: whether the tail can then still be written, and still be sealed. One **warning** for each node whose loss stops some log, with the logs that it stops. " +
			"In clusters of two zones or more, also one **warning** for each zone in which all copies of a record may lie, as its loss makes the tail undeterminable. " +
			"Without such a tail the same is asked of the nodeset that the next segment gets: one **warning** for the cluster. " +
			"It is a **note** where the cluster was built to survive the loss and something else took that away, which other rules report: members that are lost or unknown, log servers out of service, or a default replication that the cluster cannot meet. " +
			"What has stopped already is not lost again; single copies are reported by `log-replication-one-multi-node`. Nothing is reported on a cluster with a single log server.",
		Why: "A nodeset of n nodes with r copies can be written while r nodes are up, and sealed while n-r+1 nodes are up: (2,2) and (3,3) survive no loss, (3,2) and (5,3) one and two. " +
			"With one loss too many the partition stops; a tail that cannot be sealed stops until the node is back.",
		Legal: "On two log servers there is nothing better. Replication {node: N} does not promise to survive the loss of a zone; who does not need that may ignore the zones.",
		Fix: "Add a log server, or set the replication to what the cluster can carry: of n log servers, (n+1)/2 copies. `restatectl config set --log-replication R`. " +
			"For zones, `restatectl config set --log-replication '{zone: 2, node: 3}'`. Then `restatectl logs reconfigure --log-id L` for tails that do not follow.",
		Evidence: []string{
			"Restate documentation, sizing clusters: 2r-1 nodes tolerate r-1 failures",
			"restatedev/restate-operator #195 (table of faults); restatedev/restate #2031",
			"Restate itself warns when a nodeset has as many members as there are copies",
		},
	},
	Run: func(pass *Pass) {
		nodes, release := pass.Snapshot.Nodes, pass.Snapshot.Release()
		servers := registered(nodes, func(node *snapshots.Node) bool {
			return hasRole(node, cluster.RoleLogServer) || mayTakeSegments(node)
		})
		if len(servers) < 2 {
			return
		}
		zones := make(map[cluster.Location]bool)
		for _, node := range servers {
			if zone, ok := node.Location.Domain(cluster.ZoneScope); ok {
				zones[zone] = true
			}
		}
		excused := clusterExcuse(pass, servers)
		lost := make(map[cluster.Loss]*domainLoss)
		fragile := perPlacement[fragility]{make: func(placement *snapshots.Placement) fragility {
			return judgeFragility(placement, release, len(zones) >= 2, excused)
		}}
		pass.Logs(func(log *snapshots.Log) {
			i := usableTail(pass, log)
			if i < 0 {
				return
			}
			found := fragile.of(log.Segments[i].Placement)
			for _, loss := range found.losses {
				domain := cluster.Loss{Node: loss.Node, Domain: loss.Domain}
				if lost[domain] == nil {
					lost[domain] = &domainLoss{excuse: found.excuse}
				}
				lost[domain].add(log, i, loss, found.excuse)
			}
		})
		pass.Finally(func() {
			domains := slices.SortedFunc(maps.Keys(lost), func(a, b cluster.Loss) int {
				return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Domain.String(), b.Domain.String()))
			})
			for _, domain := range domains {
				l := lost[domain]
				pass.Report(l.finding(pass, domain, resilience(pass, len(servers), l.all())))
			}
			if len(domains) == 0 && pass.Whole(snapshots.BifrostConfig) { // an unread tail may be such a one
				checkNextNodeset(pass, release, resilience(pass, len(servers), nil), excused)
			}
		})
	},
}

// fragility is what one loss too many does to a placement.
type fragility struct {
	losses []cluster.Loss
	excuse excuse
}

// An excuse is why a loss that a cluster does not survive is no fault of its design. The zero value is none.
type excuse struct{ cause, why string }

func wouldSurviveBut(cause string) excuse {
	return excuse{cause, "the cluster would survive it, but for " + cause}
}

func judgeFragility(placement *snapshots.Placement, release cluster.Release, zones bool, excused excuse) fragility {
	var found fragility
	if placement.Replication.Copies() < 2 {
		return found
	}
	losses := func(members []cluster.Member) []cluster.Loss {
		list := cluster.Losses(members, placement.Replication, release, cluster.NodeScope)
		if !zones {
			return list
		}
		inZone := make(map[cluster.Location]int)
		for _, member := range members {
			if zone, ok := member.Location.Domain(cluster.ZoneScope); ok && counts(member) {
				inZone[zone]++
			}
		}
		for _, loss := range cluster.Losses(members, placement.Replication, release, cluster.ZoneScope) {
			if loss.Seals && inZone[loss.Domain] > 1 { // a zone of one node is that node
				list = append(list, loss)
			}
		}
		return list
	}
	if found.losses = losses(placement.Verdict.Members); len(found.losses) == 0 {
		return found
	}
	found.excuse = excused
	wrong := func(member cluster.Member) bool {
		return member.Class != cluster.Active || member.State != cluster.StorageReadWrite && member.State.Known()
	}
	if !slices.ContainsFunc(placement.Verdict.Members, wrong) {
		return found
	}
	restored := slices.Clone(placement.Verdict.Members)
	for i := range restored {
		if wrong(restored[i]) {
			restored[i].Class, restored[i].State = cluster.Active, cluster.StorageReadWrite
		}
	}
	if len(losses(restored)) < len(found.losses) {
		found.excuse = wouldSurviveBut(describe(placement.Verdict.Members, wrong))
	}
	return found
}

// clusterExcuse says what keeps the cluster from the resilience that it was built for, whatever the nodeset.
func clusterExcuse(pass *Pass, servers []*snapshots.Node) excuse {
	replication, ok := defaultReplication(pass.Snapshot.Logs)
	if !ok {
		return excuse{}
	}
	if selection, _ := selectDefault(pass); len(selection.Missing) > 0 {
		cause := fmt.Sprintf("the default log replication %v cannot be met", replication)
		return excuse{cause, cause + ", so the tails have to change anyway"}
	}
	var out []string
	for _, node := range servers {
		if !mayTakeSegments(node) && node.Storage != cluster.StorageProvisioning {
			out = append(out, fmt.Sprintf("%v (%s)", node.ID, node.Storage))
		}
	}
	if len(out) > 0 && len(servers) > replication.Copies() {
		return wouldSurviveBut(shorten(out))
	}
	return excuse{}
}

// A domainLoss is what the loss of one domain stops.
type domainLoss struct {
	writes, seals tails
	excuse        excuse
}

func (l *domainLoss) add(log *snapshots.Log, i int, loss cluster.Loss, excused excuse) {
	if excused.cause < l.excuse.cause { // logs come in any order; one without an excuse is enough
		l.excuse = excused
	}
	if loss.Writes {
		l.writes.add(log, i, log.ParamsAt)
	}
	if loss.Seals {
		l.seals.add(log, i, log.ParamsAt)
	}
}

// all are the tails that the loss stops in one way or the other.
func (l *domainLoss) all() *tails {
	if l.writes.count() < l.seals.count() {
		return &l.seals
	}
	return &l.writes
}

func (l *domainLoss) finding(pass *Pass, domain cluster.Loss, remedy string) Finding {
	var stops []string
	if n := l.writes.count(); n > 0 {
		stops = append(stops, "appends to "+plural(n, "log"))
	}
	if n := l.seals.count(); n > 0 {
		stops = append(stops, "sealing of "+plural(n, "log"))
	}
	all := l.all()
	f := Finding{
		Observed: all.in(pass),
		Expected: "nodesets that survive the loss of any node",
		Why:      "the partitions of these logs stop when it is down",
		At:       all.at,
		Remedy:   []string{remedy},
		Cause:    l.excuse.cause,
	}
	if l.seals.count() > 0 {
		f.Why = "the partitions of these logs stop when it is down, and where a tail cannot be sealed only its return helps"
	}
	var what string
	if domain.Node != 0 || domain.Domain == (cluster.Location{}) {
		f.Subject = Subject{Node: domain.Node.String()}
		what = domain.Node.String()
		f.Related = relatedNode(pass, domain.Node)
	} else {
		f.Subject = Subject{Document: string(snapshots.BifrostConfig), Part: "zone-" + url.PathEscape(domain.Domain.String())}
		what = "zone " + domain.Domain.String()
		f.Expected = "copies in two zones"
		f.Why = "all copies of a record may be in this zone: when it is down, the tails are in doubt and the partitions stop"
		f.Remedy = []string{"restatectl config set --log-replication '{zone: 2, node: 3}'"}
	}
	f.Title = fmt.Sprintf("losing %s stops %s", what, strings.Join(stops, " and "))
	if l.excuse != (excuse{}) {
		f.Severity = Note
		f.Why += "; " + l.excuse.why
		f.Remedy = nil
	}
	return f
}

// resilience is the step that makes tails survive the loss of a node. Where the default is right already, they have yet to
// be moved to it.
func resilience(pass *Pass, servers int, lost *tails) string {
	candidates := len(registered(pass.Snapshot.Nodes, mayTakeSegments))
	if copies := (candidates + 1) / 2; copies >= 2 {
		if current, ok := defaultReplication(pass.Snapshot.Logs); ok && current.Copies() <= copies && lost != nil {
			return reconfigureAll(lost.openLogs)
		}
		return fmt.Sprintf("restatectl config set --log-replication %d   # of %d log servers", copies, candidates)
	}
	return fmt.Sprintf("add a log server: two copies on three nodes survive the loss of one (there are %d)", servers)
}

// checkNextNodeset asks whether the nodeset of the next segment would survive the loss of a node.
func checkNextNodeset(pass *Pass, release cluster.Release, remedy string, excused excuse) {
	selection, ok := selectDefault(pass)
	replication, _ := defaultReplication(pass.Snapshot.Logs)
	candidates := registered(pass.Snapshot.Nodes, mayTakeSegments)
	if !ok || replication.Copies() < 2 || selection.Size < len(candidates) || !selection.Possible() {
		return
	}
	losses := cluster.Losses(asMembers(candidates), replication, release, cluster.NodeScope)
	if len(losses) == 0 {
		return
	}
	var lost []cluster.NodeID
	for _, loss := range losses {
		lost = append(lost, loss.Node)
	}
	f := Finding{
		Subject:  Subject{Document: string(snapshots.BifrostConfig)},
		Title:    fmt.Sprintf("new segments get nodesets of %s for replication %v and do not survive the loss of one", plural(selection.Size, "node"), replication),
		Observed: "each is needed: " + idList(lost),
		Expected: "nodesets that survive the loss of any node",
		Why:      "the partitions stop when one of them is down",
		At:       pass.Snapshot.Logs.DefaultProvider.At,
		Related:  relatedNode(pass, lost[0]),
		Remedy:   []string{remedy},
		Cause:    excused.cause,
	}
	if excused != (excuse{}) {
		f.Severity = Note
		f.Why += "; " + excused.why
		f.Remedy = nil
	}
	pass.Report(f)
}
