package format

import (
	"errors"
	"io"
	"slices"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

// A Printer writes one report in one format, result by result: it holds no more than one of them. Begin comes first and
// End last, each once; in between come Result for every snapshot that was checked, in the order of the snapshots' names, and
// then Failed for every one that could not be, in that order. What was written before End is no report yet.
//
// A printer that stops in the middle of a result, by an error or a panic, still writes a whole report if it is used
// further, though not with all of that result.
type Printer interface {
	Begin() error
	Result(r *analyze.Result) error
	Failed(f analyze.Failure) error
	End(total *Tally, took time.Duration) error
}

// Options are what printers are told about the report that they write. No printer needs all of it.
type Options struct {
	Tool analyze.Tool
	// Rules are those that the report is about.
	Rules []*rules.Rule
	// FailOn is the mildest severity that makes a test of a snapshot fail, for formats that know tests. Without it, that is
	// Error.
	FailOn func(*analyze.Result) rules.Severity
	// Text is for the format of that name. Its Show and All hold for every format that people read.
	Text Text
}

// A Format is a way to write a report.
type Format struct {
	Name string
	// Usage says in a few words what the format is for.
	Usage string
	// Places and Hashes say whether results have to be located and hashed before they are printed.
	Places, Hashes bool
	// New returns a printer that writes to w. What it has written is handed on at the latest when a method returns.
	New func(w io.Writer, options Options) Printer
}

// Formats lists the formats, the usual one first.
func Formats() []Format { return slices.Clone(formats) }

var formats = []Format{textFormat, jsonFormat, sarifFormat, junitFormat, githubFormat, gitlabFormat, markdownFormat}

// Prepare does with a result what formats need.
func Prepare(r *analyze.Result, formats ...Format) error {
	var problems []error
	if slices.ContainsFunc(formats, func(f Format) bool { return f.Places }) {
		problems = append(problems, r.Locate())
	}
	if slices.ContainsFunc(formats, func(f Format) bool { return f.Hashes }) {
		problems = append(problems, r.Hash())
	}
	return errors.Join(problems...)
}

// Print gives a whole report to a printer, and returns the first error.
func Print(p Printer, report *analyze.Report) error {
	total := Tally{Remarks: report.Remarks}
	err := p.Begin()
	for _, r := range report.Snapshots {
		total.Add(r)
		err = first(err, p.Result(r))
	}
	for _, f := range report.Failures {
		err = first(err, p.Failed(f))
	}
	return first(err, p.End(&total, 0))
}

func first(err, next error) error {
	if err != nil {
		return err
	}
	return next
}
