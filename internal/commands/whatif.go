package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func whatIfCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "whatif",
		Usage:     "say what is lost without some nodes, which losses a cluster survives, or whether a replication is possible",
		ArgsUsage: "SNAPSHOT",
		Description: `Answers one of three questions, by configuration: whether processes run is not in the metadata.

  --without N3,N4      with these nodes silent, what can every segment, partition and the metadata store still do, and
                       what is lost because of them? Also the name of a node, zone:eu.a, region:eu, and @FILE with one
                       on a line. What is lost already is said first, and decides nothing.
  --survey             what is lost with each node, zone and region, and which smallest sets of nodes are one too many?
  --replication '{zone: 2}'
                       could the cluster fulfil this default replication, with which nodesets, and what would they survive?

With --without, the other two take these nodes as silent already. Members of a nodeset that are unknown, gone or in
data-loss never answer, whether they are named or not.

exit codes: 0 nothing is lost, 1 something is (or the replication cannot be fulfilled), 2 wrong usage, 3 an input could
not be read or lacks nodes_config`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "without", Usage: "take `NODES` as silent: N3, a name, zone:eu.a, region:eu, @FILE, or a list with commas; may be repeated"},
			&cli.BoolFlag{Name: "survey", Usage: "try every node, zone and region, and every set of up to three nodes"},
			&cli.StringFlag{Name: "replication", Usage: "judge `PROPERTY` as the default replication: 3 or '{node: 3, zone: 2}'"},
			choiceFlag("format", "how to print the answer", "text", "json"),
			&cli.BoolFlag{Name: "all", Usage: "print long tables as a whole"},
			&cli.BoolFlag{Name: "require-complete", Usage: "exit with 3 when a part of the answer is undecided"},
			colourFlag(),
		},
		Action: func(c *cli.Context) error {
			ask, err := whatIfQuestion(c)
			if err != nil {
				return err
			}
			arguments, err := snapshotArguments(c, 1)
			if err != nil {
				return err
			}
			return env.withSnapshot(arguments[0], c.Command.Name, func(s *snapshots.Snapshot) (exitCode, error) {
				reply, err := ask(s)
				if err != nil {
					return clean, missingEvidence(s, "--without", err)
				}
				if err := env.print(c, reply.text, reply.json); err != nil {
					return clean, err
				}
				code := clean
				if reply.lost {
					code = found
				}
				if reply.undecided && c.Bool("require-complete") {
					code = worst(code, unreadable)
				}
				return code, nil
			})
		},
	}
}

// A reply is the answer to a question, ready to be printed.
type reply struct {
	text            func(format.Text, io.Writer) error
	json            func(io.Writer) error
	lost, undecided bool
}

// whatIfQuestion is what the flags ask for.
func whatIfQuestion(c *cli.Context) (func(*snapshots.Snapshot) (*reply, error), error) {
	words, err := nodeWords("--without", c.StringSlice("without"))
	if err != nil {
		return nil, err
	}
	switch {
	case c.Bool("survey") && c.IsSet("replication"):
		return nil, usagef("--survey and --replication are two questions: ask one at a time")
	case c.IsSet("replication"):
		replication, err := cluster.ParseReplication(c.String("replication"))
		if err != nil {
			return nil, usagef("--replication: %s", format.Clean(err.Error()))
		}
		return func(s *snapshots.Snapshot) (*reply, error) {
			answer, err := analyze.NewReplicationAnswer(Version, s, replication, words)
			if err != nil {
				return nil, err
			}
			return &reply{
				text:      func(t format.Text, w io.Writer) error { return t.Replication(w, answer) },
				json:      func(w io.Writer) error { return format.ReplicationJSON(w, answer) },
				lost:      !answer.Possible(),
				undecided: len(answer.Undecided) > 0,
			}, nil
		}, nil
	case c.Bool("survey"):
		return func(s *snapshots.Snapshot) (*reply, error) {
			survey, err := analyze.NewSurvey(Version, s, words)
			if err != nil {
				return nil, err
			}
			return &reply{
				text:      func(t format.Text, w io.Writer) error { return t.Survey(w, survey) },
				json:      func(w io.Writer) error { return format.SurveyJSON(w, survey) },
				undecided: len(survey.Undecided) > 0,
			}, nil
		}, nil
	case len(words) == 0:
		return nil, usagef("whatif needs a question: --without NODES, --survey or --replication PROPERTY")
	}
	return func(s *snapshots.Snapshot) (*reply, error) {
		answer, err := analyze.NewWhatIf(Version, s, words)
		if err != nil {
			return nil, err
		}
		return &reply{
			text:      func(t format.Text, w io.Writer) error { return t.WhatIf(w, answer) },
			json:      func(w io.Writer) error { return format.WhatIfJSON(w, answer) },
			lost:      answer.Lost.Any(),
			undecided: len(answer.Undecided) > 0,
		}, nil
	}, nil
}

// nodeWords takes lists of nodes apart and reads the files that they name. What is the flag or argument that has them.
func nodeWords(what string, values []string) (words []string, err error) {
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			word = strings.TrimSpace(word)
			file, isFile := strings.CutPrefix(word, "@")
			switch {
			case word == "" || file == "":
				return nil, usagef("%s: %q names no node", what, format.Clean(value))
			case !isFile:
				words = append(words, word)
				continue
			}
			listed, err := wordsOfFile(file)
			if err != nil {
				return nil, usagef("%s: %s", what, format.Clean(err.Error()))
			}
			words = append(words, listed...)
		}
	}
	return words, nil
}

// wordsOfFile reads a file with a word, or a list of them, on each line. What follows a # is a comment.
func wordsOfFile(name string) (words []string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.SplitSeq(line, ",") {
			if word = strings.TrimSpace(word); word != "" {
				words = append(words, word)
			}
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%s names no node", name)
	}
	return words, nil
}

// withSnapshot does something with the one snapshot that an argument names, and exits with the code that it returns.
func (env *Environment) withSnapshot(argument, command string, do func(*snapshots.Snapshot) (exitCode, error)) error {
	captures, code := env.findCaptures([]string{argument})
	switch {
	case code != clean:
		return exitWith(code)
	case len(captures) != 1:
		return usagef("%s takes one snapshot: %q is %d of them", command, argument, len(captures))
	}
	verdict := clean
	code, err := env.readCapture(captures[0], func(s *snapshots.Snapshot) (err error) {
		verdict, err = do(s)
		return err
	})
	if err != nil {
		return err
	}
	return exitWith(worst(code, verdict))
}

// missingEvidence is the end of a command that has no answer: it was asked for what is not there, by a flag if what is not
// empty, or the snapshot lacks what every answer needs.
func missingEvidence(s *snapshots.Snapshot, what string, err error) error {
	message := format.Clean(s.Name) + ": " + format.Clean(err.Error())
	if errors.Is(err, analyze.ErrNoNodes) {
		return &exit{code: unreadable, message: message}
	}
	if what != "" {
		message = what + ": " + message
	}
	return usagef("%s", message)
}

// print prints an answer in the format that the flags want.
func (env *Environment) print(c *cli.Context, text func(format.Text, io.Writer) error, json func(io.Writer) error) error {
	if c.String("format") == "json" {
		return outputError(json(env.Stdout))
	}
	var buffer bytes.Buffer
	if err := text(format.Text{Palette: env.palette(c), All: c.Bool("all")}, &buffer); err != nil {
		return err
	}
	return write(env.Stdout, buffer.Bytes())
}
