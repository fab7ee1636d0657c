package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// GitHub refuses a SARIF file of too many results as a whole, and says so in the log of another step only.
func TestMoreResultsThanCodeScanningTakesAreSaid(t *testing.T) {
	defer func(most int) { mostScanned = most }(mostScanned)
	check := func(most int, outputs ...string) string {
		mostScanned = most
		var complaints bytes.Buffer
		arguments := []string{"check", "--fail-on", "never", "../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone"}
		for _, output := range outputs {
			arguments = append(arguments, "--format", output)
		}
		if code := Run(arguments, Environment{Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &complaints, Getenv: func(string) string { return "" }}); code != 0 {
			t.Errorf("exit code %d: %s", code, complaints.String())
		}
		return complaints.String()
	}
	file := filepath.Join(t.TempDir(), "a.sarif")
	if got := check(7, "json", "sarif="+file); !strings.HasSuffix(got, "a.sarif: 8 results: code scanning of GitHub takes no file of more than 7; --rule and --skip make it smaller\n") {
		t.Errorf("it says %q", got)
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("the file is not there: %v", err)
	}
	if got := check(7, "sarif"); !strings.HasPrefix(got, "restate-lint: standard output: 8 results") {
		t.Errorf("it says %q", got)
	}
	if got := check(7, "json") + check(8, "sarif"); got != "" {
		t.Errorf("it says %q", got)
	}
}
