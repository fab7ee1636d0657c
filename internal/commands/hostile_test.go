package commands

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// hostileTexts are what somebody who means harm might call a node, a file, or anything else.
var hostileTexts = []string{
	"::error::<script>alert(1)</script>]]>", "##[error]\x1b[2J\x07\u009b31m", "a|b\n::error::pwned\r\n", "\xff\xfe\u202eevil\u2066\x00", strings.Repeat("long ", 2000),
}

// workflowCommand is what the log of a GitHub workflow executes.
var workflowCommand = regexp.MustCompile(`^\s*::[A-Za-z][^: ]*( .*?)?::|##\[`)

// harmless checks what a command with the arguments printed for people.
func harmless(t *testing.T, arguments []string, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%.300q prints what is not UTF-8", arguments)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }) {
			t.Errorf("%.300q prints a control character: %.300q", arguments, line)
		}
		if workflowCommand.MatchString(line) {
			t.Errorf("%.300q prints a workflow command: %.300q", arguments, line)
		}
	}
}

// hostileCapture writes a capture with a text wherever the documents may hold one, and in names of files as far as the system
// allows.
func hostileCapture(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	name := strings.NewReplacer("/", "", "\x00", "").Replace(text)
	name = name[:min(len(name), 100)]
	if err := os.Mkdir(filepath.Join(dir, name), 0o700); err == nil {
		dir = filepath.Join(dir, name)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := json.Marshal(string(quoted[1 : len(quoted)-1]))
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("INNER", string(inner[1:len(inner)-1]), "TEXT", string(quoted[1:len(quoted)-1]))
	for file, document := range map[string]string{
		"nodes_config.json": `{"version":3,"cluster_name":"TEXT","name_lookup":{"TEXT":2},"TEXT":1,"nodes":[
			[1,{"Node":{"name":"TEXT","current_generation":[1,1],"address":"TEXT","location":"TEXT","roles":["log-server","worker","metadata-server","TEXT"],"log_server_config":{"storage_state":"TEXT"}}}],
			[2,{"Node":{"name":"n2TEXT","current_generation":[2,1],"address":"http://n2/TEXT","location":"zone.TEXT","roles":["log-server","worker"],"log_server_config":{"storage_state":"read-write"},"worker_config":{"worker_state":"TEXT"}}}],
			[3,"Tombstone"],[4,{"TEXT":{}}]]}`,
		name + ".json": `{"version":3,"config":{"default_provider":"TEXT"},"logs":[[0,{"chain":[
			[1,{"index":0,"kind":"replicated","params":"{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":2},\"nodeset\":[1,2,3]}"}],
			[7,{"index":1,"kind":"TEXT","params":"TEXT"}],[9,{"index":2,"kind":"replicated","params":"{\"loglet_id\":2,\"sequencer\":\"INNER\",\"replication\":\"INNER\",\"nodeset\":[1,2]}"}]]}]]}`,
		"partition_table.json": `{"version":1,"num_partitions":1,"replication":"TEXT","partitions":[[0,{"TEXT":1,"key_range":{"start":0,"end":18446744073709551615}}]]}`,
		"pp_epoch_0.json":      `{"version":5,"epoch":3,"placement_policy":"TEXT","current":{"version":1,"replica_set":[1,3],"replication":"TEXT","TEXT":1},"leader_metadata":{"node_id":"TEXT","epoch":3}}`,
		"schema_registry.json": `{"version":7,"deployments":{"TEXT":{"id":"TEXT","endpoint":{"uri":"http://localhost/TEXT"},"metadata":{"TEXT":"TEXT"},"min_protocol_version":1,"max_protocol_version":5}},"subscriptions":{"TEXT":{"source":"TEXT"}}}`,
		"latest.json":          `TEXT {`,
		"restate.toml":         `node-name = "TEXT"`,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(fill.Replace(document)), 0o600); err != nil && strings.HasPrefix(file, name) {
			err = os.WriteFile(filepath.Join(dir, "bifrost_config.json"), []byte(fill.Replace(document)), 0o600)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func runQuietly(arguments []string) (code int, out, complaints string) {
	var stdout, stderr bytes.Buffer
	code = Run(arguments, Environment{Stdin: strings.NewReader("q\n"), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }})
	return code, stdout.String(), stderr.String()
}

// Whatever stands in a capture does no harm in what any command prints about it.
func TestNoCommandPrintsWhatDoesHarm(t *testing.T) {
	for _, text := range hostileTexts {
		dir := hostileCapture(t, text)
		to := t.TempDir()
		for _, command := range [][]string{
			{"check"}, {"check", "--all", "--color=always"}, {"check", "--format=json"}, {"check", "--format=sarif"}, {"check", "--format=junit"}, {"check", "--format=gitlab"}, {"check", "--format=markdown"},
			{"describe"}, {"describe", "--documents"}, {"describe", "--log=0"}, {"describe", "--format=json"}, {"describe", "0_2"},
			{"whatif", "--without=N1"}, {"whatif", "--without=N1", "--format=json"}, {"whatif", "--survey"}, {"whatif", "--survey", "--format=json"},
			{"whatif", "--replication={zone: 2}"}, {"whatif", "--replication={zone: 2}", "--format=json"},
			{"removable"}, {"removable", "N2"}, {"removable", "--format=json"},
			{"upgrade", "--to=1.7"}, {"upgrade", "--to=1.7", "--format=json"},
			{"export", "--to=" + filepath.Join(to, "export")}, {"baseline", "create", "--baseline=" + filepath.Join(to, "baseline.json")},
			{"golden", "accept", "--dir=" + filepath.Join(to, "goldens")}, {"golden", "check", "--diff", "--dir=" + filepath.Join(to, "none")},
			{"golden", "review", "--dir=" + filepath.Join(to, "none")}, {"golden", "review", "--format=json", "--dir=" + filepath.Join(to, "none")},
		} {
			code, out, complaints := runQuietly(append(command, dir))
			if code == int(crashed) {
				t.Errorf("%q crashed on %q: %s", command, text, complaints)
			}
			if command[len(command)-1] == "--color=always" {
				out = regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(out, "")
			}
			harmless(t, append(command, text), out)
			harmless(t, append(command, text), complaints)
		}
	}
}

// Nor does what stands on the command line, whatever the command and the flag.
func TestNoComplaintDoesHarm(t *testing.T) {
	t.Chdir(t.TempDir())
	try := func(arguments ...string) {
		t.Helper()
		code, out, complaints := runQuietly(arguments)
		if code == int(crashed) {
			t.Errorf("%.300q crashed: %s", arguments, complaints)
		}
		harmless(t, arguments, out)
		harmless(t, arguments, complaints)
	}
	for _, text := range hostileTexts {
		try(text)
		try("--" + text)
		eachCommand(newApp(&Environment{}).Commands, nil, func(path []string, command *cli.Command) {
			try(append(path, text)...)
			try(append(path, text, text)...)
			try(append(path, "--"+text)...)
			for _, flag := range command.Flags {
				try(append(path, "--"+flag.Names()[0]+"="+text, "nowhere")...)
				try(append(path, "--"+flag.Names()[0]+"="+text, text)...)
			}
		})
	}
}
