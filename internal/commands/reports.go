package commands

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/internal/committed"
	"restate-lint/snapshots"
)

// formatValue is what the value of a formatFlag is called.
const formatValue = "FORMAT[=FILE]"

// formatFlag chooses the formats of a report; see outputsOf.
func formatFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name:  "format",
		Usage: "print the report as `" + formatValue + "`: " + strings.Join(formatNames(), ", ") + " (default: text); may be repeated",
	}
}

const formatHelp = `Several formats at once go to files, but for one: "--format text --format sarif=out.sarif". A file is there as a whole or
not at all. Nothing is ever written into a snapshot.`

func formatNames() (names []string) {
	for _, f := range format.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func formatCandidates() (list []candidate) {
	for _, f := range format.Formats() {
		list = append(list, candidate{f.Name, f.Usage})
	}
	return list
}

// An output is a format that was asked for, and where it goes.
type output struct {
	format format.Format
	file   string // empty for standard output
}

// outputsOf are the outputs that a command with a formatFlag was asked for.
func outputsOf(c *cli.Context) ([]output, error) {
	given := c.StringSlice("format")
	if len(given) == 0 {
		given = formatNames()[:1]
	}
	var outputs []output
	places := make(map[string]string)
	for _, word := range given {
		name, file, named := strings.Cut(word, "=")
		i := slices.Index(formatNames(), name)
		if i < 0 {
			return nil, notOneOf("format", name, formatNames())
		}
		if named && file == "" {
			return nil, usagef("--format: %q names no file behind the =", word)
		}
		if file == "-" {
			file = ""
		}
		place := "standard output"
		if file != "" {
			place = filepath.Clean(file)
		}
		if before, taken := places[place]; taken {
			return nil, usagef("--format: %s and %s cannot both go to %s; name a file, as in %s=FILE", before, name, place, name)
		}
		places[place] = name
		outputs = append(outputs, output{format.Formats()[i], file})
	}
	return outputs, nil
}

func rootFlag() cli.Flag {
	return &cli.StringFlag{Name: "root", Usage: "name files in sarif, github and gitlab by their place below `DIR`, which is the root of the repository"}
}

// rootOf is the absolute path of what a command with a rootFlag was given; empty without it.
func rootOf(c *cli.Context) (string, error) {
	if c.String("root") == "" {
		return "", nil
	}
	root, err := filepath.Abs(c.String("root"))
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return "", usagef("--root: %s is not a directory", format.Clean(c.String("root")))
	}
	return root, nil
}

// pathBelow is where the sources of a capture are, below a root; empty if they are not.
func pathBelow(root string, capture snapshots.Capture) string {
	below, err := filepath.Rel(root, directoryOf(capture))
	if root == "" || capture.Path == "" || err != nil || !filepath.IsLocal(below) {
		return ""
	}
	return filepath.ToSlash(below)
}

// reports are what a command writes while it goes through snapshots: one report in each format that was asked for.
type reports struct {
	env      *Environment
	all      []*report
	total    format.Tally
	failures []analyze.Failure
	// code is crashed if writing a report made the program panic.
	code exitCode
}

// A report is written in one format.
type report struct {
	output
	printer format.Printer
	target  *target // nil for standard output
	// err is why nothing more can be written.
	err error
}

// openReports prepares the reports. Files are created, under other names, before anything is checked. It refuses those that
// would be among the files of a capture.
func (env *Environment) openReports(outputs []output, captures []snapshots.Capture, options format.Options) (*reports, error) {
	r := &reports{env: env}
	for _, o := range outputs {
		report := &report{output: o}
		w := env.Stdout
		if o.file != "" {
			if err := apart("format", captures, o.file); err != nil {
				r.discard()
				return nil, err
			}
			var err error
			if report.target, err = openTarget(o.file); err != nil {
				r.discard()
				return nil, err
			}
			w = report.target
		}
		report.printer = o.format.New(w, options)
		r.all = append(r.all, report)
	}
	return r, nil
}

// prepare does with a result what the formats need.
func (r *reports) prepare(result *analyze.Result) error {
	formats := make([]format.Format, len(r.all))
	for i, report := range r.all {
		formats[i] = report.format
	}
	return format.Prepare(result, formats...)
}

func (r *reports) begin() error {
	return r.each(format.Printer.Begin)
}

func (r *reports) result(result *analyze.Result) error {
	r.total.Add(result)
	return r.each(func(p format.Printer) error { return p.Result(result) })
}

// failed keeps a failure for the end of the reports.
func (r *reports) failed(failure analyze.Failure) { r.failures = append(r.failures, failure) }

// end ends the reports, and gives the files their names. The error says which could not be written.
func (r *reports) end(took time.Duration) error {
	for _, failure := range analyze.SortFailures(r.failures) {
		if err := r.each(func(p format.Printer) error { return p.Failed(failure) }); err != nil {
			return err
		}
	}
	if err := r.each(func(p format.Printer) error { return p.End(&r.total, took) }); err != nil {
		return err
	}
	for _, report := range r.all {
		if report.err == nil && report.target != nil {
			report.fail(report.target.commit())
		}
		if results := r.total.Findings(); report.format.Name == "sarif" && results > mostScanned {
			r.env.complain("%s: %d results: code scanning of GitHub takes no file of more than %d; --rule and --skip make it smaller",
				cmp.Or(format.Clean(report.file), "standard output"), results, mostScanned)
		}
	}
	return r.err()
}

// mostScanned is how many results GitHub's code scanning accepts in one upload; of more than 5,000 it shows the gravest.
// https://docs.github.com/en/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
// Tests make it small.
var mostScanned = 25_000

// discard removes what was written of files that were not ended.
func (r *reports) discard() {
	for _, report := range r.all {
		if report.target != nil {
			_ = report.target.discard() // nothing is lost that was promised
		}
	}
}

// each does something with every report that can still be written, and returns an error if none can.
func (r *reports) each(do func(format.Printer) error) error {
	alive := false
	for _, report := range r.all {
		if report.err == nil {
			report.fail(r.guard(report, do))
		}
		alive = alive || report.err == nil
	}
	if alive {
		return nil
	}
	return r.err()
}

func (report *report) fail(err error) {
	if err != nil {
		report.err = fmt.Errorf("%s: %w", cmp.Or(format.Clean(report.file), "standard output"), committed.Reason(err))
	}
}

func (r *reports) err() error {
	var problems []error
	for _, report := range r.all {
		problems = append(problems, report.err)
	}
	return errors.Join(problems...)
}

// guard turns a panic, which is a mistake in this program, into a complaint: the report then goes on with what comes next.
func (r *reports) guard(report *report, do func(format.Printer) error) error {
	defer func() {
		if problem := recover(); problem != nil {
			r.env.complain("internal error while writing %s, please report it: %s", report.format.Name, format.Clean(fmt.Sprint(problem)))
			r.code = crashed
		}
	}()
	return do(report.printer)
}

// A target is where a report goes for which a file was named: the file, which is there when it is whole, or a device or a
// pipe, which is written directly.
type target struct {
	io.Writer
	commit func() error
	// discard removes what commit has not made a file of.
	discard func() error
}

// openTarget begins to write a file.
func openTarget(name string) (*target, error) {
	failed := func(err error) (*target, error) {
		return nil, fmt.Errorf("%s: %w", format.Clean(name), committed.Reason(err))
	}
	path := name
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return failed(errors.New("is a directory"))
		}
		if !info.Mode().IsRegular() {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return failed(err)
			}
			return &target{file, file.Close, file.Close}, nil
		}
		if path, err = filepath.EvalSymlinks(path); err != nil { // a link stays one
			return failed(err)
		}
	}
	file, err := committed.CreateAt(path, 0o666) // as the umask wants it
	if err != nil {
		return failed(err)
	}
	return &target{file, file.Commit, file.Discard}, nil
}
