// Package commands is the command line of restate-lint: it turns flags into calls and reports into output.
//
// Every command is a function of an Environment in a file of its own. A command writes its result, and nothing else,
// to Stdout; whatever it has to say beside that goes to Stderr. It never exits: its action returns an error that
// carries the exit code (see exit.go).
package commands

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
)

// Name is how the program calls itself.
const Name = "restate-lint"

// Version is the version of the program, as reports state it.
const Version = "0.1.0"

// An Environment is what a command knows of the world around it.
type Environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv returns an environment variable; empty when it is not set.
	Getenv func(name string) string

	progress *progress // nil where nothing is told of it
}

// commandTable lists the commands in the order of the help. What a run needs of them is made anew, as commands keep the values
// of their flags. The actions may rely on arguments and flags being in order: see arguments.go.
var commandTable = []commandMaker{
	{"check", checkCommand},
	{"render", renderCommand},
	{"describe", describeCommand},
	{"export", exportCommand},
	{"whatif", whatIfCommand},
	{"removable", removableCommand},
	{"upgrade", upgradeCommand},
	{"golden", goldenCommand},
	{"config", configCommand},
	{"baseline", baselineCommand},
	{"rules", rulesCommand},
	{"explain", explainCommand},
}

type commandMaker struct {
	name string
	make func(*Environment) *cli.Command
}

// These describe all others, which the table cannot name in its own declaration.
func init() {
	commandTable = append(commandTable, commandMaker{"completion", completionCommand}, commandMaker{"man", manCommand})
}

// Run runs the program with the arguments that follow its name, and returns its exit code. It does not panic.
func Run(arguments []string, env Environment) (code int) {
	defer func() {
		if problem := recover(); problem != nil {
			env.complain("internal error, please report it: %s", format.Clean(fmt.Sprint(problem)))
			code = int(crashed)
		}
	}()
	env.useTerminal()
	defer env.progress.end()
	return int(conclude(&env, run(arguments, &env)))
}

func run(arguments []string, env *Environment) error {
	app := appFor(env, arguments)
	call, err := parseCall(app, arguments)
	if err != nil {
		return err
	}
	if call.help {
		return call.printHelp(env.Stdout)
	}
	call.give()
	return app.Run(append([]string{Name}, call.arguments()...))
}

// appFor returns the program for a call: of its commands the only one that is needed, where the first argument names it.
func appFor(env *Environment, arguments []string) *cli.App {
	if len(arguments) > 0 {
		for i := range commandTable {
			if commandTable[i].name == arguments[0] {
				return appWith(env, commandTable[i:i+1])
			}
		}
	}
	return newApp(env)
}

// newApp returns the program with all commands.
func newApp(env *Environment) *cli.App { return appWith(env, commandTable) }

func appWith(env *Environment, commands []commandMaker) *cli.App {
	app := &cli.App{
		Name:      Name,
		Usage:     "check snapshots of Restate cluster metadata, offline",
		UsageText: Name + " COMMAND [FLAGS] SNAPSHOT...",
		Flags: []cli.Flag{
			remembering(&cli.BoolFlag{Name: "version", Usage: "print the version, the commit and the set of rules"}),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				return write(env.Stdout, []byte(versionText()))
			}
			var help bytes.Buffer
			printAppHelp(&help, c.App)
			if err := write(env.Stderr, help.Bytes()); err != nil {
				return err
			}
			return exitWith(wrongUsage)
		},
		// Arguments, help and versions are handled here: the library prints usage errors to standard output, stops
		// reading flags at the first argument, and keeps the state of its own flags between runs.
		HideHelp:                  true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		Reader:                    env.Stdin,
		Writer:                    env.Stderr,
		ErrWriter:                 env.Stderr,
		ExitErrHandler:            func(*cli.Context, error) {},
		Compiled:                  time.Unix(0, 0), // not asked for, or the library looks at the program's file
	}
	for _, command := range commands {
		app.Commands = append(app.Commands, prepared(command.make(env)))
	}
	return app
}

// prepared switches off what the library would do by itself, in a command and those below it, and lets their flags remember
// their names.
func prepared(command *cli.Command) *cli.Command {
	command.HideHelp = true
	for i, flag := range command.Flags {
		command.Flags[i] = remembering(flag)
	}
	command.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usagef("%v", err) }
	for _, sub := range command.Subcommands {
		prepared(sub)
	}
	if command.Action == nil {
		command.Action = func(c *cli.Context) error {
			return usagef("%s needs a command: %s", c.Command.Name, subcommandNames(c.Command))
		}
	}
	return command
}
