package commands

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// A call is what a command line asks for.
type call struct {
	app *cli.App
	// path has the commands from the outermost to the one that was called; empty when none was named.
	path []*cli.Command
	// flags are those that were given, as --name or --name=value, and files the other arguments.
	flags, files []string
	help         bool
}

// parseCall reads a command line on which flags may stand anywhere before "--", also behind the arguments. It checks
// the names of commands and flags; what a flag's value means is up to the flag.
func parseCall(app *cli.App, arguments []string) (*call, error) {
	c := &call{app: app}
	for len(arguments) > 0 {
		argument, behind := arguments[0], arguments[1:]
		var err error
		switch {
		case argument == "--":
			c.files = append(c.files, behind...)
			return c, nil
		case looksLikeFlag(argument):
			behind, err = c.readFlag(argument, behind)
		default:
			err = c.readWord(argument)
		}
		if err != nil {
			return nil, err
		}
		arguments = behind
	}
	return c, nil
}

// give tells the flags of the commands that were called that they were given.
func (c *call) give() {
	for _, given := range c.flags {
		name, _, _ := strings.Cut(strings.TrimPrefix(given, "--"), "=")
		for _, command := range c.path {
			for _, flag := range command.Flags {
				if slices.Contains(flag.Names(), name) {
					giving(flag)
				}
			}
		}
	}
}

// arguments is the call in the order that the library wants: the command, its flags, then "--" and the files.
func (c *call) arguments() []string {
	var arguments []string
	for _, command := range c.path {
		arguments = append(arguments, command.Name)
	}
	arguments = append(arguments, c.flags...)
	if len(c.path) > 0 {
		arguments = append(append(arguments, "--"), c.files...)
	}
	return arguments
}

// looksLikeFlag is false for "-", which stands for standard input, and for what leads into an archive there.
func looksLikeFlag(argument string) bool {
	return len(argument) > 1 && argument[0] == '-' && argument[1] != '/'
}

// readFlag reads a flag and, if it takes one, its value. It returns the arguments behind them.
func (c *call) readFlag(argument string, behind []string) ([]string, error) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(argument, "-"), "=")
	if name == "help" || name == "h" {
		c.help = true
		return behind, nil
	}
	flag := c.findFlag(name)
	switch {
	case flag == nil:
		return nil, c.unknownFlag(argument, name)
	case !hasValue && !flag.TakesValue():
		c.flags = append(c.flags, "--"+name)
		return behind, nil
	case !hasValue && (len(behind) == 0 || looksLikeFlag(behind[0])):
		return nil, usagef("the flag --%s needs a value%s", name, c.hint())
	case !hasValue:
		value, behind = behind[0], behind[1:]
	}
	c.flags = append(c.flags, "--"+name+"="+value)
	return behind, nil
}

// readWord reads the name of a command, or an argument of the one that was named.
func (c *call) readWord(word string) error {
	switch {
	case len(c.path) == 0 && word == "help":
		c.help = true
	case len(c.path) == 0 || len(c.command().Subcommands) > 0:
		command, err := c.findCommand(word)
		if err != nil {
			return err
		}
		c.path = append(c.path, command)
	default:
		c.files = append(c.files, word)
	}
	return nil
}

func (c *call) command() *cli.Command { return c.path[len(c.path)-1] }

// name is what the user calls the command.
func (c *call) name() string {
	name := Name
	for _, command := range c.path {
		name += " " + command.Name
	}
	return name
}

func (c *call) findCommand(name string) (*cli.Command, error) {
	commands := c.app.Commands
	if len(c.path) > 0 {
		commands = c.command().Subcommands
	}
	var names []string
	for _, command := range commands {
		if command.HasName(name) {
			return command, nil
		}
		names = append(names, command.Name)
	}
	suggestion := didYouMean(name, names)
	if name == "version" && len(c.path) == 0 {
		suggestion = "; did you mean --version?"
	}
	if _, err := os.Stat(name); err == nil && len(c.path) == 0 {
		suggestion = fmt.Sprintf("; to check it: %s check %s", Name, name)
	}
	return nil, usagef("%q is not a command%s%s", name, suggestion, c.hint())
}

// knownFlags are those that the command takes, and those of the commands below it: the name of one may still follow.
func (c *call) knownFlags() []cli.Flag {
	if len(c.path) == 0 {
		return c.app.Flags
	}
	flags := slices.Clone(c.command().Flags)
	for _, command := range c.command().Subcommands {
		flags = append(flags, command.Flags...)
	}
	return flags
}

func (c *call) findFlag(name string) cli.DocGenerationFlag {
	for _, flag := range c.knownFlags() {
		if documented, ok := flag.(cli.DocGenerationFlag); ok && slices.Contains(flag.Names(), name) {
			return documented
		}
	}
	return nil
}

func (c *call) unknownFlag(argument, name string) error {
	names := []string{"--help"}
	for _, flag := range c.knownFlags() {
		names = append(names, "--"+flag.Names()[0])
	}
	suggestion := didYouMean("--"+name, names)
	if suggestion == "" && strings.ContainsAny(argument, "./") {
		suggestion = "; a file whose name starts with - goes behind --"
	}
	argument, _, _ = strings.Cut(argument, "=")
	return usagef("unknown flag %q%s%s", argument, suggestion, c.hint())
}

// hint says where help is.
func (c *call) hint() string { return "\nrun \"" + c.name() + " --help\" for usage" }

func subcommandNames(command *cli.Command) string {
	var names []string
	for _, sub := range command.Subcommands {
		names = append(names, sub.Name)
	}
	return strings.Join(names, ", ")
}
