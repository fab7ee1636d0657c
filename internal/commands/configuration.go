package commands

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

// configFlags choose the configuration; see configurationsOf.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "apply the configuration `FILE` to all snapshots, instead of the " + config.FileName + " of each"},
		&cli.BoolFlag{Name: "no-config", Usage: "apply no configuration, as to captures that are not trusted: they may bring one"},
	}
}

// configHelp says in the help of a command which configuration applies.
const configHelp = `A configuration (see "config --help") applies as --config says, or else the first ` + config.FileName + ` that is found
from the snapshot upwards, or else from the working directory upwards. One file applies, as a whole.`

// configurations find the one configuration that applies to a snapshot.
type configurations struct {
	none bool
	// given applies to all; nil without --config.
	given *config.File
	// byPath are those that were read, and byDir the paths of those that were found from a directory upwards, "" for none.
	byPath map[string]*config.File
	byDir  map[string]string
}

// configurationsOf is what a command with configFlags was told to apply.
func configurationsOf(c *cli.Context) (*configurations, error) {
	s := &configurations{none: c.Bool("no-config"), byPath: make(map[string]*config.File), byDir: make(map[string]string)}
	switch path := c.String("config"); {
	case !c.IsSet("config"):
	case s.none:
		return nil, usagef("--config and --no-config are two things: choose one")
	case path == "":
		return nil, usagef("--config: the empty text is not the name of a file")
	default:
		file, err := config.Read(path, path)
		if err != nil {
			return nil, usagef("%v", err)
		}
		s.given = file
	}
	return s, nil
}

// configuredOptions are the values of options that the configuration of a capture sets, by the ids of the rules. It complains
// if the configuration came with the capture.
func (env *Environment) configuredOptions(c *cli.Context, capture snapshots.Capture) (map[string]map[string]int64, error) {
	configurations, err := configurationsOf(c)
	if err != nil {
		return nil, err
	}
	file, _, err := configurations.of(capture)
	if err != nil {
		return nil, err
	}
	options := make(map[string]map[string]int64)
	for id, settings := range file.Settings() {
		options[id] = settings.Options
	}
	if configurations.brought(file, capture) {
		env.complainBrought(file)
	}
	return options, nil
}

// configArguments are the configFlags that were given, for a shell.
func configArguments(c *cli.Context) string {
	switch {
	case c.Bool("no-config"):
		return " --no-config"
	case c.IsSet("config"):
		return flagWord("config", c.String("config"))
	}
	return ""
}

// An origin says why a configuration applies.
type origin string

const (
	byFlag        origin = "--config"
	aboveSnapshot origin = "found from the snapshot upwards"
	aboveWorkDir  origin = "found from the working directory upwards"
	noConfig      origin = "--no-config"
	nowhere       origin = "none found"
)

// of is the configuration that applies to a capture; nil for none.
func (s *configurations) of(capture snapshots.Capture) (*config.File, origin, error) {
	if s.none {
		return nil, noConfig, nil
	}
	if s.given != nil {
		return s.given, byFlag, nil
	}
	if capture.Path != "" {
		dir := capture.Path
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			dir = filepath.Dir(dir)
		}
		if file, err := s.from(dir); file != nil || err != nil {
			return file, aboveSnapshot, err
		}
	}
	file, err := s.from(".")
	if file == nil {
		return nil, nowhere, err
	}
	return file, aboveWorkDir, err
}

// brought reports whether a configuration lies in the directory of the snapshot itself, as one of a capture that somebody else
// took may.
func (s *configurations) brought(file *config.File, capture snapshots.Capture) bool {
	return capture.Path != "" && file != nil && s.byPath[filepath.Join(capture.Path, config.FileName)] == file
}

// complainBrought says that a configuration applies which lies in a snapshot.
func (env *Environment) complainBrought(file *config.File) {
	env.complain("%s: applies, though it came with the snapshot; --no-config applies none", format.Clean(file.Name))
}

// from is the configuration that is found from a directory upwards; nil for none.
func (s *configurations) from(dir string) (*config.File, error) {
	path, known := s.byDir[dir]
	if !known {
		var err error
		if path, err = config.Find(dir); err != nil {
			return nil, usagef("%s", format.Clean(err.Error()))
		}
		s.byDir[dir] = path
	}
	if path == "" || s.byPath[path] != nil {
		return s.byPath[path], nil
	}
	file, err := config.Read(path, shortPath(path))
	if err != nil {
		return nil, usagef("%v", err)
	}
	s.byPath[path] = file
	return file, nil
}

// shortPath is a path as somebody in the working directory would write it.
func shortPath(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(short) {
		return short
	}
	return path
}

// todayFor is today, if something in a configuration can expire.
func (env *Environment) todayFor(file *config.File) (analyze.Date, error) {
	if file == nil || !slices.ContainsFunc(file.Suppressions, func(s config.Suppression) bool { return s.Expires != "" }) {
		return "", nil
	}
	return env.today()
}

// epochVariable is the environment variable that says what day it is, as reproducible builds have it.
const epochVariable = "SOURCE_DATE_EPOCH"

// today is the day by which things expire: that of SOURCE_DATE_EPOCH, in seconds since 1970, or of the clock.
func (env *Environment) today() (analyze.Date, error) {
	text := strings.TrimSpace(env.Getenv(epochVariable))
	if text == "" {
		return analyze.DateOf(time.Now()), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (seconds < 0 || seconds > 253402300799) { // the end of the year 9999
		err = errors.New("out of range")
	}
	if err != nil {
		return "", usagef("%s: %q is not a number of seconds since 1970", epochVariable, format.Clean(text))
	}
	return analyze.DateOf(time.Unix(seconds, 0)), nil
}
