package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&chainSealed)

var chainSealed = Rule{
	ID:       "chain-sealed",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.BifrostConfig},
	Summary:  "a log is sealed: its chain ends with a seal marker and takes no records",
	Doc: Doc{
		Checks: "Chains whose last element is a seal marker: one **warning** for each log, with who sealed it and why as far as it was recorded. " +
			"A permanent seal is an **error** when a partition uses the log. Any other seal stays a warning although the log takes no records while it lasts: " +
			"every reconfiguration passes through it, the next leader lifts it by itself, and one capture does not tell a moment from a standstill. " +
			"Where it cannot be lifted, the reason is an error of its own, such as `replication-unsatisfiable`. " +
			"To be told by the exit code, check with `--fail-on warning`, or make it an error in the configuration file.",
		Why: "Nothing can be appended until a new segment is added at exactly the marker's LSN. A log that stays sealed means a reconfiguration that failed, a replication that the cluster cannot meet, " +
			"or a partition whose leadership is frozen. A permanent seal can never be lifted.",
		Legal: "During a reconfiguration, after a planned `restatectl logs seal`, and on a single node between shutdown and start: the next leader lifts it.",
		Fix:   "Where `processor-broken` says that the partition is ahead of the log, settle that first. Then `restatectl logs reconfigure --log-id L`; where the marker is all that is left of the chain restatectl panics, and a restart of the partition's leader appends instead. If the log stays sealed, look at the default replication (can the cluster meet it?) and at frozen leadership (`restatectl partitions leadership show`).",
		Evidence: []string{
			"Restate 1.7.12: `logs reconfigure` of a chain that is nothing but a marker panics in restatectl; with a permanent seal and a worker running, the version of `bifrost_config` grows by hundreds a second",
			"restatedev/restate #3578, #3597, #5033, #5106, #5107",
			"Restate 1.5 introduced seal markers (1.4.3 can read them); they repeat the index of the segment that they seal, and take its place if it is empty",
			"Restate 1.7.12: after `config set` to a replication that could not be met, the tails of all logs were sealed within 10 s and stayed so",
		},
	},
	Run: func(pass *Pass) {
		pass.Logs(func(log *snapshots.Log) {
			tail := log.Tail()
			if tail == nil || tail.Kind != snapshots.SealMarker {
				return
			}
			i := len(log.Segments) - 1
			seal, _ := log.SealOf(i)
			subject := SubjectLog(log)
			subject.Loglet = logletOf(log, i).String()
			f := Finding{
				Subject:  subject,
				Title:    fmt.Sprintf("log %d: sealed at LSN %d, behind segment %d", log.ID, tail.BaseLSN, tail.Index),
				Observed: "a seal marker" + sealContext(seal),
				Expected: "an open segment at the end of the chain",
				Why:      "the log takes no records until a new segment is added at this LSN",
				At:       log.SegmentAt(i),
				Remedy:   []string{reconfigure(log.ID), fmt.Sprintf("restatectl logs describe %d", log.ID)},
			}
			if i == 0 {
				// restatectl 1.7.12 panics on a chain that is nothing but a marker.
				f.Title = fmt.Sprintf("log %d: sealed at LSN %d, and nothing else is left of its chain", log.ID, tail.BaseLSN)
				f.Remedy = []string{fmt.Sprintf("restart the node that leads partition %s: its leader appends at this LSN", partitionOf(pass, log.ID)), f.Remedy[1]}
			}
			if seal.Permanent {
				f.Title = fmt.Sprintf("log %d: sealed for good at LSN %d", log.ID, tail.BaseLSN)
				f.Why = "no segment can ever be added"
				f.Remedy = nil
				if table := pass.Snapshot.Partitions; table != nil {
					for partition := range table.All() {
						if partition.Log == log.ID {
							f.Severity = Error
							f.Why = fmt.Sprintf("no segment can ever be added, and partition %d depends on this log", partition.ID)
						}
					}
				}
			}
			if ahead := aheadOf(pass, log.ID); ahead != nil {
				f.Why += fmt.Sprintf("; but partition %d is ahead of this log: if it goes on now, what the log lost cannot be told from what comes next", ahead.Partition)
				f.Related = append(f.Related, Related{Message: fmt.Sprintf("the processor of partition %d on %v is broken: %s", ahead.Partition, ahead.Node.ID, ahead.Broken), At: ahead.At()})
				f.Remedy = []string{"restate-lint explain processor-broken   # settle first which is right, the log or the partition store", fmt.Sprintf("restatectl logs describe %d", log.ID)}
			}
			pass.Report(f)
		})
	},
}

// aheadOf returns a captured processor that has applied records which the log does not hold; nil without one.
func aheadOf(pass *Pass, log cluster.LogID) *snapshots.Processor {
	if pass.Snapshot.Live == nil {
		return nil
	}
	for i := range pass.Snapshot.Live.Processors {
		processor := &pass.Snapshot.Live.Processors[i]
		if processor.Broken == aheadOfLog && logOf(pass, processor.Partition) == log {
			return processor
		}
	}
	return nil
}

// sealContext says who sealed and why, in a fixed order.
func sealContext(seal snapshots.Seal) string {
	text := ""
	keys := make([]string, 0, len(seal.Context))
	for key := range seal.Context {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		text += fmt.Sprintf(", %s %q", key, seal.Context[key])
	}
	return text
}
