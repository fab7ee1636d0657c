package commands

import (
	"io"
	"math"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func removableCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "removable",
		Usage:     "say whether a node may be removed from the cluster now, and what is in the way",
		ArgsUsage: "[NODE...] SNAPSHOT",
		Description: `Looks at everything that still needs a node such as N4: nodesets open and sealed, replica sets, leadership policies,
its own states, and whether enough would be left. Says what restatectl nodes remove would do, which looks at nodesets
and the metadata membership only, and lists the commands that make it safe. Without a NODE: all of them, a line each.

exit codes: 0 every NODE is safe (without a NODE: none was removed too early), 1 some is not, 2 wrong usage,
3 evidence is missing, or an input could not be read`,
		Flags: []cli.Flag{
			choiceFlag("format", "how to print the answer", "text", "json"),
			&cli.BoolFlag{Name: "all", Usage: "print long tables as a whole"},
			colourFlag(),
		},
		Action: func(c *cli.Context) error {
			arguments, err := snapshotArguments(c, math.MaxInt)
			if err != nil {
				return err
			}
			last := len(arguments) - 1
			var nodes []cluster.NodeID
			for _, argument := range arguments[:last] {
				id, err := cluster.ParseNodeID(argument)
				if err != nil {
					return usagef("%q is not a node such as N4; the SNAPSHOT comes last", format.Clean(argument))
				}
				nodes = append(nodes, id)
			}
			return env.withSnapshot(arguments[last], c.Command.Name, func(s *snapshots.Snapshot) (exitCode, error) {
				answer, err := analyze.NewRemovable(Version, s, nodes)
				if err != nil {
					return clean, missingEvidence(s, "NODE", err)
				}
				err = env.print(c,
					func(t format.Text, w io.Writer) error { return t.Removable(w, answer, len(nodes) == 0) },
					func(w io.Writer) error { return format.RemovableJSON(w, answer) })
				return removableCode(answer, len(nodes) == 0), err
			})
		},
	}
}

// removableCode is the exit code for some nodes, or for a list of all: most of those are needed, which is no fault.
func removableCode(answer *analyze.Removable, all bool) exitCode {
	code := clean
	for i := range answer.Nodes {
		switch answer.Nodes[i].Verdict {
		case analyze.RemovedTooEarly:
			code = worst(code, found)
		case analyze.Blocked:
			if !all {
				code = worst(code, found)
			}
		case analyze.NotKnown:
			if !all {
				code = worst(code, unreadable)
			}
		}
	}
	return code
}
