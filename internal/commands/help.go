package commands

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
)

// printHelp prints the help that was asked for: that of a command, or of the program.
func (c *call) printHelp(w io.Writer) error {
	var text bytes.Buffer
	if len(c.path) == 0 {
		printAppHelp(&text, c.app)
	} else {
		printCommandHelp(&text, c.name(), c.command())
	}
	return write(w, text.Bytes())
}

func printAppHelp(w *bytes.Buffer, app *cli.App) {
	fmt.Fprintf(w, "%s: %s\n\nusage:\n", app.Name, app.Usage)
	var rows [][]string
	for _, command := range app.Commands {
		rows = append(rows, []string{app.Name + " " + usageOf(command), command.Usage})
	}
	printRows(w, rows)
	var codes []string
	for _, e := range exitHelp {
		codes = append(codes, fmt.Sprintf("%d %s", e.code, e.when))
	}
	fmt.Fprintf(w, "\n%s\n\"%s help COMMAND\" says more about a command.\n\nexit codes: %s\n", snapshotHelp, app.Name, strings.Join(codes, ", "))
}

const snapshotHelp = `A SNAPSHOT is a file, a directory, an archive (tar, zip, gzip, zstd), - for standard input, or DIR/... for every
snapshot below a directory or in an archive.`

// exitHelp says when the program exits with which code.
var exitHelp = []struct {
	code exitCode
	when string
}{
	{clean, "nothing at or above --fail-on"},
	{found, "findings"},
	{wrongUsage, "wrong usage"},
	{unreadable, "an input could not be read"},
	{crashed, "a rule crashed"},
}

// callOf is how a command is called: "restate-lint check [FLAGS] SNAPSHOT...".
func callOf(name string, command *cli.Command) string {
	if len(command.Flags) > 0 {
		name += " [FLAGS]"
	}
	return strings.TrimSpace(name + " " + command.ArgsUsage)
}

// usageOf is a command with its arguments: "check SNAPSHOT...".
func usageOf(command *cli.Command) string {
	if len(command.Subcommands) > 0 {
		return command.Name + " " + strings.ReplaceAll(subcommandNames(command), ", ", "|")
	}
	return strings.TrimSpace(command.Name + " " + command.ArgsUsage)
}

func printCommandHelp(w *bytes.Buffer, name string, command *cli.Command) {
	fmt.Fprintf(w, "%s: %s\n\nusage:\n", name, command.Usage)
	var rows [][]string
	for _, sub := range command.Subcommands {
		rows = append(rows, []string{name + " " + usageOf(sub), sub.Usage})
	}
	if len(rows) == 0 {
		rows = [][]string{{callOf(name, command)}}
	}
	printRows(w, rows)
	if command.Description != "" {
		fmt.Fprintf(w, "\n%s\n", format.Paragraphs(command.Description))
	}
	if len(command.Flags) == 0 {
		return
	}
	fmt.Fprint(w, "\nflags, before or behind the arguments:\n")
	rows = nil
	for _, flag := range command.Flags {
		rows = append(rows, flagHelp(flag))
	}
	printRows(w, rows)
}

// printRows prints a table of which the last column may take several lines.
func printRows(w *bytes.Buffer, rows [][]string) {
	widest := 0
	for _, row := range rows {
		widest = max(widest, len(row[0]))
	}
	var lines [][]string
	for _, row := range rows {
		if len(row) == 1 {
			lines = append(lines, row)
			continue
		}
		for i, part := range format.Hanging(row[1], 2+widest+2) {
			if i > 0 {
				row[0] = ""
			}
			lines = append(lines, []string{row[0], part})
		}
	}
	for _, line := range format.Align(lines) {
		fmt.Fprintln(w, "  "+line)
	}
}

// flagHelp is a flag with its value, and what it does. The value stands in back quotes in the flag's usage: within it, if
// it is a word of the sentence, or at its end.
func flagHelp(flag cli.Flag) []string {
	documented, ok := flag.(cli.DocGenerationFlag)
	if !ok {
		return []string{"--" + flag.Names()[0]}
	}
	before, value, _ := strings.Cut(documented.GetUsage(), "`")
	value, behind, _ := strings.Cut(value, "`")
	name := strings.TrimSpace("--" + flag.Names()[0] + " " + value)
	text := before
	if behind != "" || strings.HasSuffix(before, " ") {
		text = before + value + behind
	}
	if standard := strings.Trim(documented.GetDefaultText(), `"`); standard != "" && documented.TakesValue() {
		text += " (default: " + standard + ")"
	}
	return []string{name, text}
}
