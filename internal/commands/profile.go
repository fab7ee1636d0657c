package commands

import (
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/rules"
)

func profileNames() (names []string) {
	for _, p := range analyze.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

func profileFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "profile", Usage: usage + "`" + strings.Join(profileNames(), "|") + "`"}
}

// profileOf is the profile that was asked for; nil when none was.
func profileOf(c *cli.Context) (*analyze.Profile, error) {
	if !c.IsSet("profile") {
		return nil, nil
	}
	name := c.String("profile")
	profile := analyze.FindProfile(name)
	if profile == nil {
		return nil, usagef("--profile: %q is not a profile%s; there are %s", name, didYouMean(name, profileNames()), strings.Join(profileNames(), ", "))
	}
	return profile, nil
}

// chosen are the thresholds of a run: those of the flags that were given, then of the profile, then the flags' defaults.
type chosen struct {
	failOn, show    rules.Severity
	requireComplete bool
}

func thresholds(c *cli.Context, profile *analyze.Profile) chosen {
	failOn, show, complete := c.String("fail-on"), c.String("show"), c.Bool("require-complete")
	if profile != nil {
		if !c.IsSet("fail-on") {
			failOn = profile.FailOn
		}
		if !c.IsSet("show") {
			show = profile.Show
		}
		if !c.IsSet("require-complete") {
			complete = profile.RequireComplete
		}
	}
	return chosen{severityOf(failOn), severityOf(show), complete}
}
