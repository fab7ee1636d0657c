package commands

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

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
		Description: `Looks at everything that still needs a node: nodesets open and sealed, replica sets, leadership policies, its own
states, and whether enough would be left. Says what restatectl nodes remove would do, which looks at nodesets and the
metadata membership only, lists the commands that make it safe, and warns of other nodes that may not fail afterwards.

A NODE is N4, the name of a node, zone:eu.a, region:eu, @FILE with one on a line, or a list with commas. Each is judged
alone; of several it is also said whether enough would be left without all of them. Without a NODE: all nodes, each
alone, a line each.

exit codes: 0 every NODE is safe (without a NODE: none was removed too early, even if every one is blocked), 1 some is not, 2 wrong usage,
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
			if _, err := cluster.ParseNodeID(arguments[last]); err == nil && last > 0 && !exists(arguments[last]) {
				return usagef("%q is a node; the SNAPSHOT comes last", arguments[last])
			}
			for _, argument := range arguments[:last] {
				if strings.Contains(filepath.ToSlash(argument), "/") && !strings.HasPrefix(argument, "@") {
					return usagef("%q is not a node such as N4; the SNAPSHOT comes last", format.Clean(argument))
				}
			}
			words, err := nodeWords("NODE", arguments[:last])
			if err != nil {
				return err
			}
			return env.withSnapshot(arguments[last], c.Command.Name, func(s *snapshots.Snapshot) (exitCode, error) {
				answer, err := analyze.NewRemovable(Version, s, words)
				if err != nil {
					return clean, missingEvidence(s, "", err)
				}
				err = env.print(c,
					func(t format.Text, w io.Writer) error { return t.Removable(w, answer, len(words) == 0) },
					func(w io.Writer) error { return format.RemovableJSON(w, answer) })
				return removableCode(answer, len(words) == 0), err
			})
		},
	}
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
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
	if answer.Together != nil && len(answer.Together.Blockers) > 0 {
		code = worst(code, found)
	}
	return code
}
