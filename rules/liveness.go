package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A liveness says which registered nodes ran when the capture was made, as one of them saw it.
type liveness struct {
	dead map[cluster.NodeID]*snapshots.LiveNode
}

// livenessOf puts together what a capture says of every registered node. What it does not say of one is lacking evidence:
// the table may be older than the node, or than its last start. So is the view of a server that knows of nobody alive, not
// even itself: it has only just started.
func livenessOf(pass *Pass) liveness {
	l := liveness{dead: make(map[cluster.NodeID]*snapshots.LiveNode)}
	live := pass.Snapshot.Live
	if !slices.ContainsFunc(live.Nodes, func(n snapshots.LiveNode) bool { return n.State == snapshots.Alive }) {
		pass.Lacks(snapshots.LiveNodes)
		return l
	}
	for node := range pass.Snapshot.Nodes.All() {
		if node.Removed {
			continue
		}
		said := live.Node(node.ID)
		older := said != nil && said.Generation != 0 && said.Generation < node.Generation.Generation
		switch {
		case said == nil || older:
			pass.Lacks(snapshots.LiveNodes)
		case said.State == snapshots.Dead:
			l.dead[node.ID] = said
		case said.State != snapshots.Alive && said.State != snapshots.FailingOver:
			pass.Lacks(snapshots.LiveNodes)
		}
	}
	return l
}

func (l liveness) down(member cluster.Member) bool { return l.dead[member.Node] != nil }

// A standing is what a nodeset could do with the nodes that ran.
type standing struct {
	// missing are the members that do not run and could help if they did, in ascending order. It is empty where nothing
	// but the configuration decides.
	missing []cluster.NodeID
	// key is the same for all that miss the same.
	key string
	// writable and sealable say what is left.
	writable, sealable bool
	// movable is true when the nodes that ran could make up another nodeset for the same replication.
	movable bool
	// up are the members that ran.
	up []cluster.NodeID
}

// standings computes the standing of placements that judged returned.
type standings struct {
	liveness
	perPlacement[*standing]
	nodes   *snapshots.Nodes
	release cluster.Release
}

func standingsOf(pass *Pass) *standings {
	s := &standings{liveness: livenessOf(pass), nodes: pass.Snapshot.Nodes, release: pass.Snapshot.Release()}
	s.make = s.judge
	return s
}

func (s *standings) judge(placement *snapshots.Placement) *standing {
	result := new(standing)
	for _, member := range placement.Verdict.Members {
		switch {
		case !answers(member):
		case s.down(member):
			result.missing = append(result.missing, member.Node)
		case member.Class == cluster.Active:
			result.up = append(result.up, member.Node)
		}
	}
	if len(result.missing) == 0 {
		return result
	}
	slices.Sort(result.missing)
	result.key = fmt.Sprint(result.missing)
	checker := cluster.NewChecker(placement.Verdict.Members, placement.Replication)
	result.writable = checker.WriteQuorum(func(member cluster.Member) bool {
		return member.Class == cluster.Active && member.State.AcceptsWrites(s.release) && !s.down(member)
	})
	result.sealable = checker.FMajority(func(member cluster.Member) bool {
		return answers(member) && !s.down(member)
	}).Passed()
	candidates := registered(s.nodes, func(node *snapshots.Node) bool { return mayTakeSegments(node) && s.dead[node.ID] == nil })
	result.movable = cluster.SelectNodeset(asMembers(candidates), placement.Replication, 0).Possible()
	return result
}

// An outageRule reports what segments can do by configuration and could not with the nodes that ran: one finding for each
// set of dead nodes.
type outageRule struct {
	// possible says whether a nodeset has the ability by configuration, holds whether it had it then.
	possible func(*cluster.Verdict) bool
	holds    func(*standing) bool
	// each visits the segments that the rule is about and whose placement is wanted.
	each func(pass *Pass, wanted func(*snapshots.Placement) bool, visit func(log *snapshots.Log, i int))
	// complete fills in what not all such findings share.
	complete func(*Finding, *outage)
}

func (rule outageRule) run(pass *Pass) {
	standings := standingsOf(pass)
	if len(standings.dead) == 0 {
		return
	}
	found := make(outages)
	lost := func(placement *snapshots.Placement) bool {
		if !rule.possible(&placement.Verdict) {
			return false
		}
		now := standings.of(placement)
		return len(now.missing) > 0 && !rule.holds(now)
	}
	rule.each(pass, lost, func(log *snapshots.Log, i int) {
		found.add(log, i, standings.of(log.Segments[i].Placement))
	})
	pass.Finally(func() {
		for outage := range found.all {
			f := outage.finding(standings.liveness)
			rule.complete(&f, outage)
			pass.Report(f)
		}
	})
}

// An outage gathers the segments that lack the same nodes. The one with the lowest loglet id stands for all.
type outage struct {
	logTally
	standing  *standing
	lowest    cluster.LogletID
	log       cluster.LogID
	placement *snapshots.Placement
	at        snapshots.Position
	stuck     bool // one of the segments could not be sealed, or the log not go on, without the nodes
}

// outages are keyed by the nodes that are missing.
type outages map[string]*outage

// add counts the i-th segment of a log in.
func (o outages) add(log *snapshots.Log, i int, standing *standing) {
	id, known := logletOf(log, i), o[standing.key]
	if known == nil {
		known = &outage{lowest: math.MaxUint64}
		o[standing.key] = known
	}
	if id <= known.lowest {
		known.lowest, known.log, known.at = id, log.ID, log.ParamsAt(i)
		known.placement, known.standing = log.Segments[i].Placement, standing
	}
	known.stuck = known.stuck || !standing.sealable || !standing.movable
	known.logTally.add(log, i)
}

// all yields the outages in the order of their keys.
func (o outages) all(yield func(*outage) bool) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if !yield(o[key]) {
			return
		}
	}
}

// finding is what all rules about missing nodes say in the same way.
func (o *outage) finding(l liveness) Finding {
	missing := o.standing.missing
	f := Finding{
		Subject:  Subject{Node: missing[0].String()},
		Observed: fmt.Sprintf("of the %s of %v, %s ran", plural(len(o.placement.Verdict.Members), "member"), o.lowest, only(o.standing.up)),
		At:       o.at,
		Remedy:   []string{startAgain(missing)},
		Cause:    idList(missing),
	}
	if len(missing) > 1 {
		f.Subject.Part = "with"
		for _, id := range missing[1:] {
			f.Subject.Part += "-" + id.String()
		}
	}
	for _, id := range missing {
		f.Related = append(f.Related, Related{Message: id.String() + " was dead", At: l.dead[id].At()})
	}
	return f
}

func only(ids []cluster.NodeID) string {
	if len(ids) == 0 {
		return "none"
	}
	return "only " + idList(ids)
}

// wereDown is "N2 was down" or "N2, N3 were down".
func wereDown(ids []cluster.NodeID) string {
	if len(ids) == 1 {
		return ids[0].String() + " was down"
	}
	return idList(ids) + " were down"
}

// startAgain is the first remedy for nodes that do not run.
func startAgain(ids []cluster.NodeID) string {
	if len(ids) == 1 {
		return fmt.Sprintf("start the server of %v again, with its data", ids[0])
	}
	return fmt.Sprintf("start the servers of %s again, with their data", idList(ids))
}
