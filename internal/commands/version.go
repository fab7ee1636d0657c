package commands

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"restate-lint/rules"
)

// commit is the commit that the program was built from, where whoever builds it says so:
//
//	go build -ldflags "-X restate-lint/internal/commands.commit=COMMIT"
var commit string

// versionText says which program this is: its version, the commit and the Go that it was built from, and the rules that it
// has. Two programs with the same rule set have rules of the same ids, severities and revisions.
func versionText() string {
	from := commit
	if info, ok := debug.ReadBuildInfo(); ok && from == "" {
		from = commitOf(info)
	}
	return fmt.Sprintf("%s %s\ncommit    %s\ngo        %s %s/%s\nrule set  %s\n",
		Name, Version, cmp.Or(from, "unknown; go run and -buildvcs=false leave it out"), runtime.Version(), runtime.GOOS, runtime.GOARCH, ruleSet(rules.All()))
}

// commitOf is the commit that a program was built from, with a mark if files were changed; where Go took the sources from
// elsewhere than a repository, their version. It is empty if Go left it out, as "go run" does.
func commitOf(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	switch {
	case settings["vcs.revision"] == "" && info.Main.Version == "(devel)":
		return ""
	case settings["vcs.revision"] == "":
		return info.Main.Version
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
