package commands

import (
	"flag"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// choiceFlag is a flag whose value is one of some words, the first of which is the default.
func choiceFlag(name, usage string, words ...string) *cli.StringFlag {
	return &cli.StringFlag{
		Name:  name,
		Value: words[0],
		Usage: usage + "`" + strings.Join(words, "|") + "`",
		Action: func(_ *cli.Context, word string) error {
			if slices.Contains(words, word) {
				return nil
			}
			return notOneOf(name, word, words)
		},
	}
}

// A lateFlag says what it is for when somebody asks, and not whenever the program starts: it lists what has to be read first.
type lateFlag struct {
	cli.DocGenerationFlag
	usage func() string
}

// GetUsage is that of the flag, as help and completion show it.
func (f lateFlag) GetUsage() string { return f.usage() }

// remembering returns a flag that remembers its names. The library asks for them hundreds of times in a call, and applies a
// regular expression to them each time, a fifteenth of a check of a small snapshot. These flags do without it.
func remembering(flag cli.Flag) cli.Flag {
	switch flag := flag.(type) {
	case *cli.BoolFlag:
		return &boolFlag{flag, append([]string{flag.Name}, flag.Aliases...)}
	case *cli.StringFlag:
		return &stringFlag{flag, append([]string{flag.Name}, flag.Aliases...)}
	case *cli.StringSliceFlag:
		return &stringSliceFlag{StringSliceFlag: flag, names: append([]string{flag.Name}, flag.Aliases...)}
	case lateFlag:
		flag.DocGenerationFlag = remembering(flag.DocGenerationFlag).(cli.DocGenerationFlag)
		return flag
	}
	return flag
}

// These are the library's flags, which remember their names, with nothing of what else the library has: neither variables of the
// environment nor destinations.
type (
	boolFlag struct {
		*cli.BoolFlag
		names []string
	}
	stringFlag struct {
		*cli.StringFlag
		names []string
	}
	stringSliceFlag struct {
		*cli.StringSliceFlag
		names []string
		given bool
	}
)

// Names are those of the flag.
func (f *boolFlag) Names() []string { return f.names }

// Names are those of the flag.
func (f *stringFlag) Names() []string { return f.names }

// Names are those of the flag.
func (f *stringSliceFlag) Names() []string { return f.names }

// Apply defines the flag under all of its names.
func (f *boolFlag) Apply(set *flag.FlagSet) error {
	for _, name := range f.names {
		set.Bool(name, f.Value, f.Usage)
	}
	return nil
}

// Apply defines the flag under all of its names.
func (f *stringFlag) Apply(set *flag.FlagSet) error {
	for _, name := range f.names {
		set.String(name, f.Value, f.Usage)
	}
	return nil
}

// Apply leaves the flag to the library, which takes one that is not defined for one that was not given.
func (f *stringSliceFlag) Apply(set *flag.FlagSet) error {
	if !f.given {
		return nil
	}
	return f.StringSliceFlag.Apply(set)
}

// giving notes that a flag was given; see give.
func giving(flag cli.Flag) {
	switch flag := flag.(type) {
	case *stringSliceFlag:
		flag.given = true
	case lateFlag:
		giving(flag.DocGenerationFlag)
	}
}

// notOneOf says that the value of a flag is none of some words.
func notOneOf(name, word string, words []string) error {
	last := len(words) - 1
	return usagef("--%s: %q is not %s or %s%s", name, word, strings.Join(words[:last], ", "), words[last], didYouMean(word, words))
}

// snapshotArguments returns the arguments of a command that takes snapshots: at least one, and no more than most.
func snapshotArguments(c *cli.Context, most int) ([]string, error) {
	arguments := c.Args().Slice()
	switch {
	case len(arguments) == 0:
		return nil, usagef("%s needs a SNAPSHOT: a file, a directory, an archive, - for standard input, or DIR/... for every snapshot below a directory", c.Command.Name)
	case len(arguments) > most:
		return nil, usagef("%s takes no more than %d argument%s, not %q", c.Command.Name, most, plural(most), arguments[most])
	case timesStdin(arguments) > 1:
		return nil, usagef("standard input (-) can be read only once")
	case slices.Contains(arguments, ""):
		return nil, usagef("the empty text is not the name of a SNAPSHOT")
	}
	return arguments, nil
}

// timesStdin counts how often standard input is named, as a whole or as an archive.
func timesStdin(arguments []string) (n int) {
	for _, argument := range arguments {
		if argument == "-" || strings.HasPrefix(argument, "-/") {
			n++
		}
	}
	return n
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
