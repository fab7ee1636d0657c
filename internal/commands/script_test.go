package commands_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "github.com/sebdah/goldie/v2" // declares the flag -update for all tests of the project

	"restate-lint/internal/commands"
)

// asProgram makes the test binary be the program, so that scripts can run it in their own directory.
const asProgram = "RESTATE_LINT_AS_PROGRAM"

func init() {
	if os.Getenv(asProgram) != "" {
		os.Exit(commands.Run(os.Args[1:], commands.Environment{
			Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		}))
	}
}

// Every script is a whole session. It has some commands of its own:
//
//	restate-lint ARGUMENTS          runs the program, which must exit with 0
//	exits CODE restate-lint ...     runs it, and it must exit with exactly that code
//	pack ARCHIVE PATH               makes a .tar, .tar.gz, .tar.zst, .zip, .gz or .zst of a file or directory; see pack
//	cut FILE BYTES                  takes so many bytes off the end of a file
//
// $CAPTURES is the folder of captures, $REPOSITORY that of the project, $PROGRAM the program, for a shell, and $LF and $CR
// end lines. With the flag -update, files that `cmp` compares are written anew.
func TestScripts(t *testing.T) {
	captures, err := filepath.Abs("../../snapshots/testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(ts *testscript.TestScript, want int, arguments []string) {
		err := ts.Exec(program, arguments...)
		code := 0
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
			code = failed.ExitCode()
		} else if err != nil {
			ts.Fatalf("%v", err)
		}
		if code != want {
			ts.Fatalf("exit code %d, want %d", code, want)
		}
	}
	update := flag.Lookup("update")
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		UpdateScripts:      update != nil && update.Value.String() == "true" && os.Getenv("CI") == "",
		Setup: func(e *testscript.Env) error {
			e.Vars = slices.Concat(e.Vars, []string{asProgram + "=1", "CAPTURES=" + captures, "REPOSITORY=" + repository, "PROGRAM=" + program, "LF=\n", "CR=\r"})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"restate-lint": func(ts *testscript.TestScript, not bool, arguments []string) {
				if not {
					ts.Fatalf("say which code: exits CODE restate-lint ...")
				}
				run(ts, 0, arguments)
			},
			"pack": func(ts *testscript.TestScript, _ bool, arguments []string) {
				ts.Check(pack(ts.MkAbs(arguments[0]), ts.MkAbs(arguments[1])+strings.TrimPrefix(arguments[1], strings.TrimSuffix(arguments[1], "/."))))
			},
			"cut": func(ts *testscript.TestScript, _ bool, arguments []string) {
				file := ts.MkAbs(arguments[0])
				bytes, err := strconv.ParseInt(arguments[1], 10, 64)
				ts.Check(err)
				info, err := os.Stat(file)
				ts.Check(err)
				ts.Check(os.Truncate(file, info.Size()-bytes))
			},
			"exits": func(ts *testscript.TestScript, not bool, arguments []string) {
				code, err := strconv.Atoi(arguments[0])
				if err != nil || not || len(arguments) < 2 || arguments[1] != "restate-lint" {
					ts.Fatalf("usage: exits CODE restate-lint ARGUMENTS")
				}
				run(ts, code, arguments[2:])
			},
		},
	})
}
