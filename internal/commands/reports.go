package commands

import (
	"errors"
	"fmt"
	"time"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
)

// reports are what a command writes while it goes through snapshots: one report in each format that was asked for.
type reports struct {
	env   *Environment
	all   []*report
	total format.Tally
	// code is crashed if writing a report made the program panic.
	code exitCode
}

// A report is written in one format.
type report struct {
	format  format.Format
	printer format.Printer
	// err is why nothing more can be written.
	err error
}

// openReports prepares the reports.
func (env *Environment) openReports(name string, options format.Options) *reports {
	r := &reports{env: env}
	for _, f := range format.Formats() {
		if f.Name == name {
			r.all = append(r.all, &report{format: f, printer: f.New(env.Stdout, options)})
		}
	}
	return r
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

func (r *reports) failed(failure analyze.Failure) error {
	return r.each(func(p format.Printer) error { return p.Failed(failure) })
}

// end ends the reports. The error says which could not be written.
func (r *reports) end(took time.Duration) error {
	if err := r.each(func(p format.Printer) error { return p.End(&r.total, took) }); err != nil {
		return err
	}
	return r.err()
}

// each does something with every report that can still be written, and returns an error if none can.
func (r *reports) each(do func(format.Printer) error) error {
	alive := false
	for _, report := range r.all {
		if report.err == nil {
			report.err = outputError(r.guard(report, do))
		}
		alive = alive || report.err == nil
	}
	if alive {
		return nil
	}
	return r.err()
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
