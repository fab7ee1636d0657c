package commands_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/goccy/go-yaml"

	"restate-lint/internal/commands"
)

// readStrictly reads one of the project's YAML files. A key that is unknown, or stands twice, is an error.
func readStrictly(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Every hook does its work at the root of a repository, with the arguments that it has by itself.
func TestHooksOfPreCommit(t *testing.T) {
	var hooks []struct {
		ID, Name, Description, Language, Entry, Files string
		Args                                          []string
		PassFilenames                                 *bool `yaml:"pass_filenames"`
	}
	readStrictly(t, ".pre-commit-hooks.yaml", &hooks)
	captures, err := filepath.Abs("../../snapshots/testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	repository := func(capture string) string {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "captures", "a"), os.DirFS(filepath.Join(captures, capture))); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	healthy, faulty := repository("healthy-3node-1.7.12"), repository("removed-node-1.7.12/4-tombstone")
	run := func(dir string, arguments ...string) (int, string) {
		t.Chdir(dir)
		var out bytes.Buffer
		code := commands.Run(arguments, commands.Environment{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" },
		})
		return code, out.String()
	}
	for _, hook := range hooks {
		words := strings.Fields(hook.Entry)
		if hook.ID == "" || hook.Name == "" || hook.Description == "" || hook.Language != "golang" || words[0] != commands.Name || hook.PassFilenames == nil || *hook.PassFilenames {
			t.Errorf("the hook %+v is incomplete, or is given the files one by one", hook)
		}
		files := regexp.MustCompile(hook.Files)
		for name, want := range map[string]bool{
			"captures/a/metadata/nodes_config.json": true, "captures/a.tar.zst": true, ".restate-lint.yaml": true, "x/.restate-lint.yaml": true,
			"goldens/a.golden.json": true, "goldens/redactions.yaml": true, "main.go": false, "values.yaml": false, "ajson": false,
		} {
			if files.MatchString(name) != want {
				t.Errorf("%s: a change of %s starts it: %v", hook.ID, name, !want)
			}
		}
		call := slices.Concat(words[1:], hook.Args)
		if hook.ID == "restate-lint-golden" {
			if code, out := run(healthy, call...); code != 1 || !strings.Contains(out, "no golden") {
				t.Errorf("%s exits with %d where no report was accepted: %s", hook.ID, code, out)
			}
			if code, out := run(healthy, "golden", "accept", "..."); code != 0 {
				t.Fatal(out)
			}
		} else if code, out := run(faulty, call...); code != 1 {
			t.Errorf("%s exits with %d where there is an error: %s", hook.ID, code, out)
		}
		if code, out := run(healthy, call...); code != 0 {
			t.Errorf("%s exits with %d: %s", hook.ID, code, out)
		}
	}
	if len(hooks) != 2 {
		t.Errorf("%d hooks", len(hooks))
	}
}

// What somebody writes into an input must not be executed: no script has an expression in it, and all that a script reads of
// its environment is given to it.
func TestActionGivesInputsToItsScriptsByTheEnvironment(t *testing.T) {
	var action struct {
		Name, Description string
		Inputs            map[string]struct {
			Description, Default string
			Required             bool
		}
		Outputs map[string]struct{ Description, Value string }
		Runs    struct {
			Using string
			Steps []struct {
				ID, Shell, Run string
				Env            map[string]string
			}
		}
	}
	const dir = ".github/actions/check"
	readStrictly(t, dir+"/action.yml", &action)
	given := regexp.MustCompile(`^\$\{\{ (inputs\.[a-z-]+|github\.[a-z_]+) \}\}$`)
	script := regexp.MustCompile(`^bash "\$ACTION/([a-z]+\.sh)"$`)
	variable := regexp.MustCompile(`\$\{?#?([A-Z][A-Z_]*)`)
	used := make(map[string]bool)
	for _, step := range action.Runs.Steps {
		name := script.FindStringSubmatch(step.Run)
		if name == nil || step.Shell != "bash" {
			t.Errorf("the step %q of the shell %q", step.Run, step.Shell)
			continue
		}
		text, err := os.ReadFile(filepath.Join("../..", dir, name[1]))
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range variable.FindAllStringSubmatch(string(text), -1) {
			_, ok := step.Env[read[1]]
			if !ok && !regexp.MustCompile(`^(GITHUB|RUNNER|BASH)_`).MatchString(read[1]) {
				t.Errorf("%s reads %s, which it is not given", name[1], read[1])
			}
		}
		for key, value := range step.Env {
			expression := given.FindStringSubmatch(value)
			if expression == nil || key != "ACTION" && !strings.Contains(string(text), key) {
				t.Errorf("%s is given %s=%s", name[1], key, value)
				continue
			}
			used[expression[1]] = true
		}
	}
	for name, input := range action.Inputs {
		if input.Description == "" || !used["inputs."+name] || input.Required == (input.Default != "") && name == "snapshots" {
			t.Errorf("the input %s is not described, or nothing uses it", name)
		}
	}
	if action.Runs.Using != "composite" || len(action.Runs.Steps) != 2 || len(action.Inputs) != 5 || len(action.Outputs) != 2 || action.Name == "" || action.Description == "" {
		t.Errorf("%+v", action)
	}
}

// A release has a program for every system that the action asks for, under the name that it asks for.
func TestReleaseHasWhatTheActionDownloads(t *testing.T) {
	type info struct{ Mtime string }
	var release struct {
		Version     int
		ProjectName string `yaml:"project_name"`
		Before      struct{ Hooks []string }
		Builds      []struct {
			Env, Flags, Ldflags, Goos, Goarch []string
			ModTimestamp                      string `yaml:"mod_timestamp"`
		}
		Archives []struct {
			NameTemplate    string `yaml:"name_template"`
			Formats         []string
			FormatOverrides []struct {
				Goos    string
				Formats []string
			} `yaml:"format_overrides"`
			BuildsInfo info `yaml:"builds_info"`
			Files      []struct {
				Src         string
				Info        info
				StripParent bool `yaml:"strip_parent"`
			}
		}
		Checksum struct {
			NameTemplate string `yaml:"name_template"`
			Algorithm    string
		}
		Changelog struct{ Use, Sort string }
	}
	readStrictly(t, ".goreleaser.yaml", &release)
	build, archive := release.Builds[0], release.Archives[0]
	if !slices.Contains(build.Env, "CGO_ENABLED=0") || !slices.Contains(build.Flags, "-trimpath") || build.ModTimestamp == "" || archive.BuildsInfo.Mtime == "" {
		t.Errorf("not the same bytes every time: %+v", build)
	}
	name := template.Must(template.New("").Option("missingkey=error").Parse(archive.NameTemplate))
	var names []string
	for _, system := range build.Goos {
		format := archive.Formats[0]
		for _, other := range archive.FormatOverrides {
			if other.Goos == system {
				format = other.Formats[0]
			}
		}
		for _, processor := range build.Goarch {
			var text strings.Builder
			err := name.Execute(&text, map[string]string{"ProjectName": release.ProjectName, "Version": commands.Version, "Os": system, "Arch": processor})
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, text.String()+"."+format)
		}
	}
	// The script is asked what it would download.
	script, err := os.ReadFile("../../.github/actions/check/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	systems := regexp.MustCompile(`(?m)^  \w+\) os=(\w+) ending=([a-z.]+) ;;$`).FindAllStringSubmatch(string(script), -1)
	processors := regexp.MustCompile(`(?m)^  \w+\) arch=(\w+) ;;$`).FindAllStringSubmatch(string(script), -1)
	var asked []string
	for _, system := range systems {
		for _, processor := range processors {
			asked = append(asked, strings.NewReplacer("${version}", commands.Version, "${os}", system[1], "${arch}", processor[1], "$ending", system[2]).
				Replace(regexp.MustCompile(`(?m)^archive=(.*)$`).FindStringSubmatch(string(script))[1]))
		}
	}
	if len(names) != 6 || !slices.Equal(names, asked) {
		t.Errorf("the release has %q, and the action asks for %q", names, asked)
	}
	if !strings.Contains(string(script), " "+release.Checksum.NameTemplate+" ") || release.Checksum.Algorithm != "sha256" {
		t.Errorf("the action asks for other checksums than %+v", release.Checksum)
	}
	run, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for _, loop := range []string{"for os in " + strings.Join(build.Goos, " ") + ";", "for architecture in " + strings.Join(build.Goarch, " ") + ";"} {
		if !strings.Contains(string(run), loop) {
			t.Errorf(".ci/run does not build %q", loop)
		}
	}
	// The linker says nothing if there is no such variable: .ci/run looks whether the program knows its commit.
	const commit = "-X restate-lint/internal/commands.commit="
	for _, file := range []string{".goreleaser.yaml", ".ci/run", ".github/actions/check/install.sh"} {
		if text, err := os.ReadFile(filepath.Join("../..", file)); err != nil || !bytes.Contains(text, []byte(commit)) {
			t.Errorf("%s does not tell the program its commit: %v", file, err)
		}
	}
}

// The example uses the action as it is.
func TestExampleWorkflowUsesTheAction(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	text, err := os.ReadFile("../../.github/workflows/snapshots.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, step := range workflow.Jobs["check"].Steps {
		if step.Uses != "./.github/actions/check" {
			continue
		}
		used++
		call := strings.Fields(cmp.Or(step.With["command"], "check"))
		call = append(append(call, strings.Fields(step.With["arguments"])...), strings.Fields(step.With["snapshots"])...)
		for i, word := range call {
			if word == "--pending=pending" {
				call[i] = "--pending=" + t.TempDir()
			}
		}
		t.Chdir("../..")
		var out bytes.Buffer
		if code := commands.Run(call, commands.Environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }}); code != 0 {
			t.Errorf("%q exits with %d: %s", call, code, out.String())
		}
		t.Chdir("internal/commands")
	}
	if used != 2 {
		t.Errorf("it uses the action %d times", used)
	}
}

// The README names inputs and hooks that there are.
func TestReadmeUsesTheActionAndTheHooks(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var action struct{ Inputs, Outputs map[string]any }
	metadata, err := os.ReadFile("../../.github/actions/check/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(metadata, &action); err != nil {
		t.Fatal(err)
	}
	hooks, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	actions, named := 0, 0
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(- .*?)^```").FindAllStringSubmatch(string(readme), -1) {
		var items []struct {
			Uses, If string
			With     map[string]string
			Hooks    []struct{ ID string }
		}
		if err := yaml.Unmarshal([]byte(block[1]), &items); err != nil {
			t.Fatalf("%v in:\n%s", err, block[1])
		}
		for _, item := range items {
			if strings.HasPrefix(item.Uses, "OWNER/restate-lint/.github/actions/check@v"+commands.Version) {
				actions++
				for input := range item.With {
					if _, ok := action.Inputs[input]; !ok {
						t.Errorf("the action has no input %s", input)
					}
				}
			}
			for _, output := range regexp.MustCompile(`outputs\.([a-z-]+)`).FindAllStringSubmatch(item.If, -1) {
				if _, ok := action.Outputs[output[1]]; !ok {
					t.Errorf("the action has no output %s", output[1])
				}
			}
			for _, hook := range item.Hooks {
				named++
				if !bytes.Contains(hooks, []byte("- id: "+hook.ID+"\n")) {
					t.Errorf("there is no hook %s", hook.ID)
				}
			}
		}
	}
	if actions != 1 || named != 1 {
		t.Errorf("it uses %d actions and %d hooks", actions, named)
	}
}
