package commands

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func describeCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "describe",
		Usage:     "show what is in a snapshot, or one loglet of it such as 0_1",
		ArgsUsage: "SNAPSHOT [LOGLET]",
		Description: `Without a flag: the inventory, nodes, logs and partitions. A LOGLET is shown as restatectl replicated-loglet info
does, but offline, and also where its nodeset names nodes that were removed or never registered.

A log or loglet that is not in the snapshot is an error with exit code 2.`,
		Flags: []cli.Flag{
			choiceFlag("format", "how to print the description", "text", "json"),
			&cli.BoolFlag{Name: "documents", Usage: "show what was read: each source, what it is, its version and size; and each store"},
			&cli.BoolFlag{Name: "nodes", Usage: "show the nodes"},
			&cli.BoolFlag{Name: "logs", Usage: "show the logs"},
			&cli.BoolFlag{Name: "partitions", Usage: "show the partitions"},
			&cli.StringFlag{Name: "log", Usage: "show the chain of log `N`"},
			&cli.StringFlag{Name: "loglet", Usage: "show the loglet `ID`: 0_1 or its raw number"},
			&cli.BoolFlag{Name: "all", Usage: "print long tables as a whole"},
			colourFlag(),
		},
		Action: func(c *cli.Context) error {
			view, arguments, err := describeView(c)
			if err != nil {
				return err
			}
			captures, code := env.findCaptures(arguments)
			switch {
			case code != clean:
				return exitWith(code)
			case len(captures) != 1:
				return usagef("describe takes one snapshot: %q is %d of them", arguments[0], len(captures))
			}
			code, err = env.readCapture(captures[0], func(snapshot *snapshots.Snapshot) error {
				description, err := analyze.Describe(Version, snapshot, view)
				if err != nil {
					return usagef("%s: %s", format.Clean(snapshot.Name), format.Clean(err.Error()))
				}
				var text bytes.Buffer
				if c.String("format") == "json" {
					err = errors.Join(description.Hash(), format.DescribeJSON(&text, description))
				} else {
					err = format.Text{Palette: env.palette(c), All: c.Bool("all")}.Describe(&text, description)
				}
				if err != nil {
					return err
				}
				return write(env.Stdout, text.Bytes())
			})
			if err != nil {
				return err
			}
			return exitWith(code)
		},
	}
}

// describeView is what the flags and the second argument ask for, and the snapshot argument.
func describeView(c *cli.Context) (view analyze.View, arguments []string, err error) {
	if arguments, err = snapshotArguments(c, 2); err != nil {
		return view, nil, err
	}
	loglet := c.String("loglet")
	if len(arguments) == 2 {
		if c.IsSet("loglet") {
			return view, nil, usagef("describe takes one loglet: --loglet or a second argument")
		}
		loglet = arguments[1]
	}
	if loglet != "" || c.IsSet("loglet") {
		id, err := cluster.ParseLogletID(loglet)
		if node, other := cluster.ParseNodeID(loglet); err != nil && other == nil {
			return view, nil, usagef("%v is a node and no loglet: describe --nodes lists them, and removable %[1]v says what needs one", node)
		}
		if err != nil {
			return view, nil, usagef("%s", format.Clean(err.Error()))
		}
		view.Loglet = &id
	}
	if c.IsSet("log") {
		n, err := strconv.ParseUint(c.String("log"), 10, 32)
		if err != nil {
			return view, nil, usagef("--log: %q is not the number of a log", c.String("log"))
		}
		id := cluster.LogID(n)
		view.Log = &id
	}
	view.Nodes, view.Logs, view.Partitions, view.Documents = c.Bool("nodes"), c.Bool("logs"), c.Bool("partitions"), c.Bool("documents")
	if view == (analyze.View{}) {
		view = analyze.View{Nodes: true, Logs: true, Partitions: true}
	}
	return view, arguments[:1], nil
}
