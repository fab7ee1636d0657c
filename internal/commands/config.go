package commands

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/config"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

func configCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "config",
		Usage:       "begin a configuration file, say which one applies, or describe its form for editors",
		Subcommands: []*cli.Command{configInitCommand(env), configShowCommand(env), configSchemaCommand(env)},
		Description: `A configuration is a YAML file called ` + config.FileName + `. It sets severities and options of rules, or switches rules off;
it defines profiles; and it lists findings that do not count, each with a reason. "config init" writes one to begin with,
in which everything that can be said stands as a comment.

Of the snapshot's directory and all above it, the first that holds such a file decides, and where none does, the first of
the working directory and all above it. The file applies as a whole: nothing is taken from a second one. --config FILE
applies FILE instead, to all snapshots, and --no-config none: a capture that is not trusted may bring a file of its own.
check, baseline and golden heed the configuration. Goldens are made with all rules that are not off, whatever the profile.

A suppression is about the findings of some rules (a pattern such as nodeset-*) about some entities (the part of the
fingerprint behind the @, a pattern such as log/*/segment/*/node/N4; ** stands for any number of steps), where it says so
only in some snapshots. Such findings stay in the report, marked, and count for nothing. Behind its last day an entry has
no effect, and its findings count again. Both this and an entry that matches nothing, though all of its rules were
decided, are said on standard error, in JSON, SARIF and Markdown, and make no difference to the exit code. The day is that of
SOURCE_DATE_EPOCH if it is set, or else of the clock, in UTC.

A severity that is set is the gravest that a finding of the rule can have. It raises none that the rule holds for milder
than its usual severity. --rule runs a rule also where it is off; the profile of the file holds where --profile names none.`,
	}
}

func configInitCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "init",
		Usage:       "write a configuration that changes nothing, with everything that can be said in comments",
		ArgsUsage:   "[FILE]",
		Description: "Writes " + config.FileName + " into the working directory, or FILE. What is there already is left as it is.",
		Action: func(c *cli.Context) error {
			name := config.FileName
			switch c.Args().Len() {
			case 0:
			case 1:
				name = c.Args().First()
			default:
				return usagef("config init takes one FILE, not %q", c.Args().Get(1))
			}
			err := writeNew(name, config.Starter)
			switch {
			case errors.Is(err, fs.ErrExist):
				return usagef("%s: is there already; \"%s config show\" says what it changes", format.Clean(name), Name)
			case err != nil:
				return &exit{code: unreadable, message: format.Clean(err.Error())}
			}
			return write(env.Stdout, []byte("wrote "+format.Clean(name)+"\n"))
		},
	}
}

// writeNew writes a file that is not there yet.
func writeNew(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as the umask wants it; it is no secret
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

func configShowCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "say which configuration applies, what it changes, and where",
		ArgsUsage: "[SNAPSHOT...]",
		Description: `Without a SNAPSHOT: what applies to snapshots that have none of their own. What would be otherwise without the
configuration stands in brackets.`,
		Flags: slices.Concat([]cli.Flag{
			choiceFlag("format", "how to print it", "text", "json"),
			&cli.BoolFlag{Name: "all", Usage: "every severity and option, also where it is as usual"},
			profileFlag("with this profile: "),
		}, configFlags()),
		Action: func(c *cli.Context) error {
			captures := []snapshots.Capture{{}}
			code := clean
			if c.Args().Present() {
				arguments, err := snapshotArguments(c, math.MaxInt)
				if err != nil {
					return err
				}
				captures, code = env.findCaptures(arguments)
			}
			shown, err := env.effective(c, captures)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if c.String("format") == "json" {
				err = config.ShowJSON(&text, shown)
			} else {
				for i, e := range shown {
					if i > 0 {
						text.WriteByte('\n')
					}
					text.WriteString(e.Text())
				}
			}
			if err != nil {
				return err
			}
			if err := write(env.Stdout, text.Bytes()); err != nil {
				return err
			}
			return exitWith(code)
		},
	}
}

// effective describes every configuration that applies to some capture, in the order of the first of them.
func (env *Environment) effective(c *cli.Context, captures []snapshots.Capture) ([]*config.Effective, error) {
	configurations, err := configurationsOf(c)
	if err != nil {
		return nil, err
	}
	type kind struct {
		file   *config.File
		origin origin
	}
	known := make(map[kind]*config.Effective)
	shown := []*config.Effective{}
	for _, capture := range captures {
		file, origin, err := configurations.of(capture)
		if err != nil {
			return nil, err
		}
		e := known[kind{file, origin}]
		if e == nil {
			if e, err = env.describeConfig(c, file); err != nil {
				return nil, err
			}
			e.Origin = string(origin)
			known[kind{file, origin}] = e
			shown = append(shown, e)
		}
		if capture.Name != "" {
			e.Snapshots = append(e.Snapshots, capture.Name)
		}
	}
	return shown, nil
}

func (env *Environment) describeConfig(c *cli.Context, file *config.File) (*config.Effective, error) {
	profile, err := profileOf(c, file)
	if err != nil {
		return nil, err
	}
	from := ""
	if c.IsSet("profile") {
		from = "--profile"
	}
	today, err := env.todayFor(file)
	if err != nil {
		return nil, err
	}
	return config.NewEffective(file, profile, from, today, c.Bool("all")), nil
}

func configSchemaCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of the configuration, for editors",
		Description: `Editors that speak to a YAML language server heed a first line such as
# yaml-language-server: $schema=restate-lint.schema.json`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("config schema takes no argument")
			}
			return write(env.Stdout, config.Schema())
		},
	}
}
