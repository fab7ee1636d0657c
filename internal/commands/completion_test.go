package commands

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/rules"
)

func wordsToComplete(words ...string) []string {
	var list []string
	for _, c := range complete(newApp(&Environment{}), words) {
		list = append(list, c.word)
	}
	return list
}

func TestCompletionOffersWhatTheParserTakes(t *testing.T) {
	has := func(want string, words ...string) {
		t.Helper()
		if got := wordsToComplete(words...); !slices.Contains(got, want) {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
	only := func(want string, words ...string) {
		t.Helper()
		if got := strings.Join(wordsToComplete(words...), " "); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
	has("check", "")
	has("golden", "")
	only("describe", "des")
	only("check", "help", "che")
	only("--version", "--v")
	has("accept", "golden", "")
	only("accept", "golden", "acc")
	has("--dir", "golden", "accept", "x/...", "--")
	has("--format", "check", "somewhere", "-")
	only("--fail-on", "check", "--fail")
	only("sarif", "check", "--format", "s")
	only("--format=sarif", "check", "--format=s")
	only("sarif", "check", "--format", "=", "s") // as bash has it
	has("text", "check", "--format", "=", "")
	has("json", "check", "--format", "=")
	only("", "check", "--format", "sarif=o") // a file
	only("note never", "check", "--fail-on", "n")
	only("ci", "check", "--profile", "c")
	only("chain-sealed", "check", "--all", "--rule", "chain-s")
	only("nodeset-removed-node", "explain", "nodeset-removed")
	only("nodeset-unknown-node", "explain", "nodeset-removed-node", "nodeset-u")
	only("zsh", "completion", "z")
	only("", "completion", "bash", "")
	only("", "check", "") // files
	only("", "check", "--", "--")
	only("", "frobnicate", "")
	only("", "check", "--config", "")
}

// Every flag with a fixed set of values offers exactly those that the parser takes.
func TestEveryChoiceThatIsOfferedIsTaken(t *testing.T) {
	app := newApp(&Environment{})
	checked := 0
	eachCommand(app.Commands, nil, func(path []string, command *cli.Command) {
		for _, flag := range command.Flags {
			choice, ok := flag.(*stringFlag)
			if !ok || choice.Action == nil {
				continue
			}
			checked++
			offered := wordsToComplete(append(path, "--"+choice.Name, "")...)
			if len(offered) < 2 {
				t.Errorf("%q: --%s offers %q", path, choice.Name, offered)
			}
			for _, word := range offered {
				if err := choice.Action(nil, word); err != nil {
					t.Errorf("%q: --%s offers %q: %v", path, choice.Name, word, err)
				}
			}
		}
	})
	if checked < 10 {
		t.Errorf("%d flags were looked at", checked)
	}
	if offered := wordsToComplete("check", "--format", ""); len(offered) != len(format.Formats()) {
		t.Errorf("--format offers %q", offered)
	}
}

func eachCommand(commands []*cli.Command, path []string, do func([]string, *cli.Command)) {
	for _, command := range commands {
		path := append(slices.Clone(path), command.Name)
		do(path, command)
		eachCommand(command.Subcommands, path, do)
	}
}

// The script for bash is run as the shell runs it; those of other shells only where there are such shells.
func TestCompletionInShells(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Log("no bash on this machine: its script cannot be run here")
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "restate-lint"), []byte("#!/bin/sh\nRESTATE_LINT_AS_PROGRAM=1 exec '"+program+"' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"restate-lint des":                "describe",
		"restate-lint check --format = s": "sarif",
		"restate-lint check --format =":   "text json sarif junit github gitlab markdown",
		"restate-lint golden p":           "pending prune",
		"restate-lint check ''":           "",
	} {
		cmd := exec.Command(bash, "-c", `source <(restate-lint completion bash)
			COMP_WORDS=(`+line+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
			_restate_lint restate-lint "${COMP_WORDS[COMP_CWORD]}" ''
			echo "${COMPREPLY[*]}"`)
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", line, got, err, want)
		}
	}
	if fish, err := exec.LookPath("fish"); err == nil {
		for line, want := range map[string]string{
			"restate-lint des":                  "describe",
			"restate-lint golden p":             "pending prune",
			"restate-lint check --format ":      "github gitlab json junit markdown sarif text",
			"restate-lint check --format=s":     "--format=sarif",
			"restate-lint check ./completion_t": "./completion_test.go", // a file
		} {
			cmd := exec.Command(fish, "--no-config", "-c", "restate-lint completion fish | source; complete -C $argv", line)
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			var words []string
			for candidate := range strings.Lines(string(out)) {
				word, _, _ := strings.Cut(strings.TrimSuffix(candidate, "\n"), "\t")
				words = append(words, word)
			}
			if got := strings.Join(words, " "); err != nil || got != want {
				t.Errorf("%s: %q %v, want %q", line, got, err, want)
			}
		}
	}
	for _, shell := range shells {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		script, err := completions.ReadFile("completions/" + shell)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "-n")
		cmd.Stdin = bytes.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
}

func TestTheManualHasEveryCommandAndFlag(t *testing.T) {
	app := newApp(&Environment{})
	var page bytes.Buffer
	writeManual(&page, app)
	text := page.String()
	eachCommand(app.Commands, nil, func(path []string, command *cli.Command) {
		name := roff(Name + " " + strings.Join(path, " "))
		_, section, ok := strings.Cut(text, ".SS \""+name)
		if !ok {
			t.Errorf("no section on %q", path)
		}
		section, _, _ = strings.Cut(section, "\n.S")
		for _, flag := range command.Flags {
			if !strings.Contains(section, "\n.B "+roff("--"+flag.Names()[0])) {
				t.Errorf("the section on %q has nothing on --%s", path, flag.Names()[0])
			}
		}
	})
	for line := range strings.Lines(text) {
		macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, ".") && !slices.Contains([]string{".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".EX", ".EE"}, macro) || strings.HasPrefix(line, "'") {
			t.Errorf("the line %q is none that was meant", line)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("no groff on this machine: the page cannot be set here")
		return
	}
	cmd := exec.Command(groff, "-man", "-Tascii", "-ww", "-z")
	cmd.Stdin = &page
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

func TestRoffShowsWhatIsThere(t *testing.T) {
	for text, want := range map[string]string{
		".restate-lint.yaml": `\&.restate\-lint.yaml`,
		"'quoted' `x` a\\n":  `\(aqquoted\(aq \` + "`x\\` a\\en",
		"\x1b[2J":            `\ex1b[2J`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got := roffWord(`say "no"`); got != `"say \(dqno\(dq"` {
		t.Errorf("got %s", got)
	}
}

func TestVersionSaysCommitAndRuleSet(t *testing.T) {
	for want, settings := range map[string][]debug.BuildSetting{
		"":                  {{Key: "GOOS", Value: "linux"}},
		"abc":               {{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}},
		"abc, with changes": {{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"}},
	} {
		if got := commitOf(&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const module = "v0.1.1-0.20261124210257-52dd4811b930"
	if got := commitOf(&debug.BuildInfo{Main: debug.Module{Version: module}}); got != module {
		t.Errorf("%q, want the version of the module", got)
	}
	a, b := rules.Rule{ID: "a", Severity: rules.Error}, rules.Rule{ID: "a", Severity: rules.Note}
	if ruleSet([]*rules.Rule{&a}) == ruleSet([]*rules.Rule{&b}) || ruleSet(nil) == ruleSet([]*rules.Rule{&a}) || !strings.HasPrefix(ruleSet([]*rules.Rule{&a}), "1, ") {
		t.Error("other rules have the same rule set")
	}
}
