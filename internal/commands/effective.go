package commands

import (
	"bytes"
	"fmt"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// effectiveFlags let a command that is about rules and not about snapshots say what a configuration makes of them.
func effectiveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "effective", Usage: "as the " + config.FileName + " of the working directory, or above it, changes them"},
		&cli.StringFlag{Name: "config", Usage: "as the configuration `FILE` changes them"},
	}
}

// effectiveConfig is the configuration that a command with effectiveFlags is to heed, nil for none, and whether it was asked
// for. A profile that only a configuration can have is looked for without being asked.
func effectiveConfig(c *cli.Context) (file *config.File, asked bool, err error) {
	asked = c.Bool("effective") || c.IsSet("config")
	if !asked && (!c.IsSet("profile") || analyze.FindProfile(c.String("profile")) != nil) {
		return nil, false, nil
	}
	configurations, err := configurationsOf(c)
	if err != nil {
		return nil, asked, err
	}
	file, _, err = configurations.of(snapshots.Capture{})
	return file, asked, err
}

// configured are rules as a configuration wants them: with the severities and values of options that it sets. Rules that
// it says nothing of are the same values.
func configured(list []*rules.Rule, file *config.File) []*rules.Rule {
	settings := file.Settings()
	changed := make([]*rules.Rule, len(list))
	for i, rule := range list {
		changed[i] = rule
		set, ok := settings[rule.ID]
		if !ok {
			continue
		}
		other := *rule
		other.Severity = rule.Judge(rule.Severity, set)
		other.Options = nil
		for _, o := range rule.Options {
			if value, ok := set.Options[o.Name]; ok {
				o.Default = value
			}
			other.Options = append(other.Options, o)
		}
		changed[i] = &other
	}
	return changed
}

// explainConfigured says behind the documentation of a rule what a configuration changes about it.
func explainConfigured(w *bytes.Buffer, palette format.Palette, markdown bool, rule *rules.Rule, file *config.File) {
	heading := "\n" + palette.Bold("Here") + "\n"
	bullet := "  - "
	if markdown {
		heading, bullet = "\n### Here\n\n", "- "
	}
	w.WriteString(heading)
	said := false
	for _, part := range config.NewEffective(file, nil, "", "", false).Parts {
		if part.Rule == rule.ID {
			said = true
			fmt.Fprintf(w, "%s%s: %s instead of %s, by %s\n", bullet, part.Name, part.Value, part.Usual, format.Clean(part.From))
		}
	}
	if !said {
		fmt.Fprintf(w, "%sas usual: no configuration says anything of it\n", bullet)
	}
}
