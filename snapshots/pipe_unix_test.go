//go:build unix

package snapshots

import (
	"slices"
	"syscall"
	"testing"
)

// A pipe blocks whoever opens it.
func TestFindPassesOverPipes(t *testing.T) {
	tree(t, map[string]string{"c/metadata/partition_table.json": "{}"})
	for _, pipe := range []string{"c/metadata/nodes_config.json", "c/metadata/pipe", "c/pp_epoch_0"} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Skip(err)
		}
	}
	captures, err := Find("c/...")
	want := []string{"metadata/nodes_config.json", "metadata/partition_table.json", "pp_epoch_0"}
	if err != nil || len(captures) != 1 {
		t.Fatal(err, captures)
	}
	if got := slices.Sorted(slices.Values(captures[0].Files)); !slices.Equal(got, want) {
		t.Errorf("the files are %q, want %q", got, want)
	}
	s, _ := captures[0].Read()
	if got := sourced(s); !slices.Contains(got, "nodes_config (metadata/nodes_config.json): not a regular file") {
		t.Errorf("gaps: %q", got)
	}
}
