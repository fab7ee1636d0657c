package commands

import (
	"reflect"
	"slices"
	"testing"

	"github.com/urfave/cli/v2"
)

// A command is looked for in the table by the name that it has itself.
func TestTheTableNamesCommandsAsTheyDo(t *testing.T) {
	for _, entry := range commandTable {
		command := entry.make(&Environment{})
		if command.Name != entry.name {
			t.Errorf("%s is %s in the table", command.Name, entry.name)
		}
		if app := appFor(&Environment{}, []string{entry.name, "--help"}); len(app.Commands) != 1 || app.Commands[0].Name != entry.name {
			t.Errorf("%s is not the only command that is made when it is called", entry.name)
		}
	}
	for _, arguments := range [][]string{nil, {"--help"}, {"--", "check"}, {"chekc"}} {
		if app := appFor(&Environment{}, arguments); len(app.Commands) != len(commandTable) {
			t.Errorf("%q: %d commands are made", arguments, len(app.Commands))
		}
	}
}

// A flag of another kind than these would be asked for its name hundreds of times.
func TestAllFlagsRememberTheirNames(t *testing.T) {
	checked := 0
	app := newApp(&Environment{})
	program := &cli.Command{Name: app.Name, Flags: app.Flags, Subcommands: app.Commands}
	eachCommand([]*cli.Command{program}, nil, func(path []string, command *cli.Command) {
		for _, flag := range command.Flags {
			checked++
			if late, ok := flag.(lateFlag); ok {
				flag = late.DocGenerationFlag
			}
			plain := reflect.ValueOf(flag).Elem().Field(0).Elem() // the library's flag
			for i := range plain.NumField() {
				switch name := plain.Type().Field(i).Name; name {
				case "Name", "Aliases", "Usage", "Value", "Action":
				default:
					if !plain.Field(i).IsZero() {
						t.Errorf("%q: --%s has the field %s, which remembering leaves out", path, flag.Names()[0], name)
					}
				}
			}
			if n := testing.AllocsPerRun(10, func() { flag.Names() }); n > 0 {
				t.Errorf("%q: --%s works its names out each time: %T", path, flag.Names()[0], flag)
			}
		}
	})
	if checked < 50 {
		t.Errorf("%d flags were looked at", checked)
	}
}

// Flags remember their names, which are those of the library, and are otherwise as they were.
func TestFlagsRememberTheirNames(t *testing.T) {
	called := ""
	action := func(what string) error {
		called += what
		return nil
	}
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "bool", Aliases: []string{"b", "bb"}, Action: func(*cli.Context, bool) error { return action("b") }},
		&cli.StringFlag{Name: "string", Value: "usual", Action: func(*cli.Context, string) error { return action("s") }},
		&cli.StringSliceFlag{Name: "slice", Action: func(*cli.Context, []string) error { return action("l") }},
		lateFlag{&cli.StringFlag{Name: "late"}, func() string { return "said late" }},
	}
	remembered := make([]cli.Flag, len(flags))
	for i, flag := range flags {
		remembered[i] = remembering(flag)
		if names := remembered[i].Names(); !slices.Equal(names, flag.Names()) {
			t.Errorf("%v is called %q", flag, names)
		}
		if n := testing.AllocsPerRun(10, func() { remembered[i].Names() }); n > 0 {
			t.Errorf("%v works its names out again", flag)
		}
	}
	if late := remembered[3].(cli.DocGenerationFlag); late.GetUsage() != "said late" {
		t.Errorf("the late flag says %q", late.GetUsage())
	}
	giving(remembered[2])
	app := &cli.App{DisableSliceFlagSeparator: true, Flags: remembered, Action: func(c *cli.Context) error {
		if !c.Bool("bool") || c.String("string") != "usual" || !slices.Equal(c.StringSlice("slice"), []string{"1,2", "3"}) || c.String("late") != "x" {
			t.Errorf("read: %v, %q, %q, %q", c.Bool("bool"), c.String("string"), c.StringSlice("slice"), c.String("late"))
		}
		return nil
	}}
	if err := app.Run([]string{"program", "-bb", "--slice", "1,2", "--slice=3", "--late", "x"}); err != nil {
		t.Error(err)
	}
	if called != "bl" {
		t.Errorf("the actions of %q were run", called)
	}
}
