package commands

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/internal/committed"
	"restate-lint/snapshots"
	"restate-lint/snapshots/stores"
)

func exportCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the documents of a snapshot as restatectl metadata get prints them",
		ArgsUsage: "SNAPSHOT",
		Description: `Every document becomes a file DIR/KEY.json, byte for byte as restatectl would have printed it: from a store, and from
documents that were laid out otherwise. A key that the store does not have becomes null, as restatectl prints it.

restatectl up to 1.7 cannot print rule_book. It is written to rule_book.decoded.json, in a form of restate-lint's own.

A document that cannot be read as a whole is not written. That, and whatever else a store could not be read of, makes
the exit code 3. Files that exist are not
overwritten, and nothing is written into the snapshot. The files may hold secrets: only you can read them.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "write to `DIR`, which is made if it does not exist"},
			&cli.BoolFlag{Name: "overwrite", Usage: "replace files that exist"},
		},
		Action: func(c *cli.Context) error {
			arguments, err := snapshotArguments(c, 1)
			if err != nil {
				return err
			}
			if c.String("to") == "" {
				return usagef("export needs a directory to write to: --to DIR")
			}
			captures, code := env.findCaptures(arguments)
			switch {
			case code != clean:
				return exitWith(code)
			case len(captures) != 1:
				return usagef("export takes one snapshot: %q is %d of them", arguments[0], len(captures))
			}
			e := &exporter{env: env, dir: c.String("to"), overwrite: c.Bool("overwrite"), code: clean}
			from := captures[0]
			from.Path = directoryOf(from) // nothing that looks like a document is put beside one, either
			if err := apart("to", []snapshots.Capture{from}, e.dir); err != nil {
				return err
			}
			code, err = env.readCapture(captures[0], e.export)
			if err != nil {
				return err
			}
			return exitWith(worst(code, e.code))
		},
	}
}

// An exporter writes the documents of a snapshot into a directory.
type exporter struct {
	env       *Environment
	dir       string
	overwrite bool
	code      exitCode
}

// An exported is a file to be written.
type exported struct {
	name     string
	document *snapshots.Document // nil for a key that does not exist
}

// export writes what there is.
func (e *exporter) export(snapshot *snapshots.Snapshot) error {
	var files []exported
	for _, d := range snapshot.Documents {
		switch {
		case d.Kind == snapshots.RuleBook:
			files = append(files, exported{"rule_book.decoded.json", d})
		case d.Kind.Stored():
			files = append(files, exported{d.Key() + ".json", d})
		}
	}
	stored := func(name string) bool {
		return slices.ContainsFunc(snapshot.Stores, func(s *stores.Store) bool { return snapshot.StoreName(s) == name })
	}
	for _, gap := range snapshot.Gaps {
		// Nobody asked a store for the epochs that it does not have.
		asked := gap.Null && gap.Key != "" && (gap.Kind == snapshots.SchemaRegistry || !stored(gap.Source))
		if asked && !slices.ContainsFunc(files, func(f exported) bool { return f.name == gap.Key+".json" }) {
			files = append(files, exported{name: gap.Key + ".json"})
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: holds no document of the metadata store", format.Clean(snapshot.Name))
	}
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return exportError(e.dir, err)
	}
	root, err := os.OpenRoot(e.dir)
	if err != nil {
		return exportError(e.dir, err)
	}
	defer func() { _ = root.Close() }()
	if !e.overwrite {
		for _, file := range files {
			if _, err := root.Lstat(file.name); err == nil {
				return usagef("%s exists: nothing was written; --overwrite replaces files", format.Clean(filepath.Join(e.dir, file.name)))
			}
		}
	}
	out := bufio.NewWriter(e.env.Stdout)
	for _, file := range files {
		path := format.Clean(filepath.Join(e.dir, file.name))
		if err := e.write(root, file); err != nil {
			e.code = worst(e.code, unreadable)
			e.env.complain("%s: not written: %s", path, format.Clean(committed.Reason(err).Error()))
			continue
		}
		line := path + ": null: the key does not exist"
		if d := file.document; d != nil {
			line = fmt.Sprintf("%s: %v from %s", path, d.Version, format.Clean(d.Source.Name))
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return outputError(err)
		}
		if file.document != nil && file.document.Kind == snapshots.RuleBook {
			e.env.complain("%s: restatectl metadata get cannot print the rule book, which is in bilrost; this is restate-lint's own form of it", path)
		}
	}
	for _, gap := range snapshot.Gaps {
		if gap.Source != "" && !gap.Null && (gap.Kind == "" || gap.Kind.Stored()) {
			e.env.complain("%s", format.Clean(gap.String()))
			e.code = worst(e.code, unreadable)
		}
	}
	return outputError(out.Flush())
}

// write writes one file, which is there as a whole or not at all.
func (e *exporter) write(root *os.Root, file exported) error {
	if d := file.document; d != nil && !d.Complete {
		return errors.New("it could not be read as a whole")
	}
	f, err := committed.Create(root, file.name, 0o600)
	if err != nil {
		return err
	}
	if file.document != nil {
		err = file.document.Print(f)
	} else {
		_, err = io.WriteString(f, "null\n")
	}
	switch {
	case err != nil:
		return errors.Join(err, f.Discard())
	case e.overwrite:
		return f.Commit()
	}
	return f.CommitNew()
}

func exportError(dir string, err error) error {
	return fmt.Errorf("%s: %w", format.Clean(dir), committed.Reason(err))
}
