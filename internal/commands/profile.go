package commands

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/rules"
)

func profileFlag(usage string) cli.Flag {
	return lateFlag{&cli.StringFlag{Name: "profile"}, func() string {
		var none *config.File
		return usage + strings.Join(none.ProfileNames(), ", ") + ", or a `NAME` from the configuration"
	}}
}

// profileOf is the profile that applies to a command with a profileFlag: the one that was asked for, or that of the
// configuration, which may be nil. It is nil where there is none, and for other commands.
func profileOf(c *cli.Context, file *config.File) (*analyze.Profile, error) {
	if !c.IsSet("profile") {
		takesProfile := slices.ContainsFunc(c.Command.Flags, func(flag cli.Flag) bool { return slices.Contains(flag.Names(), "profile") })
		if file == nil || !takesProfile {
			return nil, nil
		}
		return file.FindProfile(file.Profile.Is), nil
	}
	name := c.String("profile")
	profile := file.FindProfile(name)
	if profile == nil {
		names := file.ProfileNames()
		return nil, usagef("--profile: %q is not a profile%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
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
