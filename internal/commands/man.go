package commands

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
)

func manCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "print the manual page",
		Description: `It has the help of every command:

  restate-lint man > /usr/local/share/man/man1/restate-lint.1`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("man takes no argument, not %q", c.Args().First())
			}
			var page bytes.Buffer
			writeManual(&page, newApp(env))
			return write(env.Stdout, page.Bytes())
		},
	}
}

// environmentHelp says what the variables of the environment do that have a meaning here.
var environmentHelp = [][2]string{
	{"NO_COLOR", "no colours, if it is set to anything"},
	{"FORCE_COLOR", "colours, if it is set to anything but 0, although the output is no terminal"},
	{"TERM", "neither colours nor progress on a terminal that is dumb"},
	{"CI", "if it is set to anything but 0 or false, no golden and no baseline is written without --force, and nothing is told of progress; otherwise standard error does so where it is a terminal and reading takes longer than a second"},
	{"SOURCE_DATE_EPOCH", "what day it is for what expires, in seconds since 1970, instead of that of the clock"},
}

// writeManual writes the help of the program and its commands as a manual page, in the macros of man(7).
func writeManual(w *bytes.Buffer, app *cli.App) {
	fmt.Fprintf(w, ".TH %s 1 \"\" %s\n", roffWord(strings.ToUpper(app.Name)), roffWord(app.Name+" "+Version))
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", roff(app.Name), roff(app.Usage))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B %s\n%s\n", roff(app.Name), roff(strings.TrimPrefix(app.UsageText, app.Name+" ")))
	fmt.Fprintf(w, ".SH DESCRIPTION\n")
	roffText(w, snapshotHelp)
	fmt.Fprintf(w, ".SH COMMANDS\n")
	for _, command := range app.Commands {
		manualOf(w, app.Name, command)
	}
	fmt.Fprintf(w, ".SH EXIT STATUS\n")
	for _, e := range exitHelp {
		fmt.Fprintf(w, ".TP\n.B %d\n%s\n", e.code, roff(e.when))
	}
	fmt.Fprintf(w, ".SH ENVIRONMENT\n")
	for _, e := range environmentHelp {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(e[0]), roff(e[1]))
	}
}

func manualOf(w *bytes.Buffer, parent string, command *cli.Command) {
	name := parent + " " + command.Name
	if len(command.Subcommands) > 0 {
		fmt.Fprintf(w, ".SS %s\n%s\n", roffWord(name), roff(sentence(command.Usage)))
		if command.Description != "" {
			fmt.Fprintln(w, ".PP")
			roffText(w, command.Description)
		}
		for _, sub := range command.Subcommands {
			manualOf(w, name, sub)
		}
		return
	}
	fmt.Fprintf(w, ".SS %s\n%s\n", roffWord(callOf(name, command)), roff(sentence(command.Usage)))
	if command.Description != "" {
		fmt.Fprintln(w, ".PP")
		roffText(w, command.Description)
	}
	for _, flag := range command.Flags {
		help := flagHelp(flag)
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(help[0]), roff(help[1]))
	}
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// roffText writes paragraphs. A line that is indented stands as it is.
func roffText(w *bytes.Buffer, text string) {
	literal := false
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if indented := strings.HasPrefix(line, " "); indented != literal {
			fmt.Fprintln(w, map[bool]string{true: ".EX", false: ".EE"}[indented])
			literal = indented
		}
		switch {
		case line == "":
			fmt.Fprintln(w, ".PP")
		default:
			fmt.Fprintln(w, roff(line))
		}
	}
	if literal {
		fmt.Fprintln(w, ".EE")
	}
}

// roff is a text that does nothing but to show itself.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "^", `\(ha`, "~", `\(ti`).Replace(format.Clean(text))
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// roffWord is a text as one argument of a macro.
func roffWord(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }
