package commands

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"restate-lint/rules"
)

// versionText says which program this is: its version, the commit and the Go that it was built from, and the rules that it
// has. Two programs with the same rule set have rules of the same ids, severities and revisions.
func versionText() string {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		commit = commitOf(info)
	}
	return fmt.Sprintf("%s %s\ncommit    %s\ngo        %s %s/%s\nrule set  %s\n",
		Name, Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, ruleSet(rules.All()))
}

// commitOf is the commit that a program was built from, with a mark if files were changed.
func commitOf(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	switch {
	case settings["vcs.revision"] == "":
		return "unknown"
	case settings["vcs.modified"] == "true":
		return settings["vcs.revision"] + ", with changes"
	}
	return settings["vcs.revision"]
}

// ruleSet is the number of rules, and a hash of their ids, severities and revisions: "78, 1f3870be274f". The rules are sorted by id.
func ruleSet(all []*rules.Rule) string {
	var list strings.Builder
	for _, rule := range all {
		fmt.Fprintf(&list, "%s %s %d\n", rule.ID, rule.Severity, rule.Revision)
	}
	hash := sha256.Sum256([]byte(list.String()))
	return fmt.Sprintf("%d, %s", len(all), hex.EncodeToString(hash[:6]))
}
