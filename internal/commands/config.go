package commands

import (
	"errors"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/config"
	"restate-lint/analyze/format"
)

func configCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "config",
		Usage:       "begin a configuration file, or describe its form for editors",
		Subcommands: []*cli.Command{configInitCommand(env), configSchemaCommand(env)},
		Description: `A configuration is a YAML file called ` + config.FileName + `. It sets severities and options of rules, or switches rules off;
it defines profiles; and it lists findings that do not count, each with a reason. "config init" writes one to begin with,
in which everything that can be said stands as a comment.

Of the snapshot's directory and all above it, the first that holds such a file decides, and where none does, the first of
the working directory and all above it. The file applies as a whole: nothing is taken from a second one. --config FILE
applies FILE instead, to all snapshots, and --no-config none: a capture that is not trusted may bring a file of its own.
check and golden heed the configuration.

A suppression is about the findings of some rules (a pattern such as nodeset-*) about some entities (the part of the
fingerprint behind the @, a pattern such as log/*/segment/*/node/N4; ** stands for any number of steps), where it says so
only in some snapshots. Such findings stay in the report, marked, and count for nothing. Behind its last day an entry has
no effect, and its findings count again. Both this and an entry that matches nothing, though all of its rules were
decided, are said on standard error. The day is that of SOURCE_DATE_EPOCH if it is set, or else of the clock, in UTC.

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
				return usagef("%s: is there already", format.Clean(name))
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
