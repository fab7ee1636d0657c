package commands

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/analyze/upgrade"
	"restate-lint/rules"
)

func rulesCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:  "rules",
		Usage: "list all rules",
		Description: `With --effective or --config: with the severities and options that a configuration sets, without the rules that are off,
and as the profile that it names chooses, if it names one.`,
		Flags: append([]cli.Flag{
			choiceFlag("format", "how to print the list", "text", "json"),
			profileFlag("only the rules of a profile, and its thresholds: "),
			colourFlag(),
		}, effectiveFlags()...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("rules takes no argument; for one rule: %s explain %s", Name, shellWord(c.Args().First()))
			}
			file, effective, err := effectiveConfig(c)
			if err != nil {
				return err
			}
			profile, err := profileOf(c, file)
			if err != nil {
				return err
			}
			if !effective {
				file = nil // it was read for its profiles only
			}
			list := configured(chosenRules(profile, file), file)
			var text bytes.Buffer
			switch asJSON := c.String("format") == "json"; {
			case profile != nil && asJSON:
				err = format.ProfileJSON(&text, profile, list)
			case profile != nil:
				err = format.ProfileTable(&text, env.palette(c), profile, list)
			case asJSON:
				err = format.RulesJSON(&text, env.palette(c), list)
			default:
				err = format.RuleTable(&text, env.palette(c), list)
			}
			if err != nil {
				return err
			}
			return write(env.Stdout, text.Bytes())
		},
	}
}

func explainCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "explain",
		Usage:       "say what a rule checks, why it matters, and what to do",
		ArgsUsage:   "RULE...",
		Description: "A pattern such as 'nodeset-*' means several rules.",
		Flags: append([]cli.Flag{
			choiceFlag("format", "how to print the documentation", "text", "markdown"),
			&cli.BoolFlag{Name: "all", Usage: "explain every rule"},
			colourFlag(),
		}, effectiveFlags()...),
		Action: func(c *cli.Context) error {
			explained, err := explainedRules(c)
			if err != nil {
				return err
			}
			file, effective, err := effectiveConfig(c)
			if err != nil {
				return err
			}
			render := format.ExplainText
			markdown := c.String("format") == "markdown"
			if markdown {
				render = format.ExplainMarkdown
			}
			var text bytes.Buffer
			if c.Bool("all") && markdown {
				format.ReferenceMarkdown(&text, explained)
			}
			for i, rule := range explained {
				if i > 0 {
					text.WriteByte('\n')
				}
				render(&text, env.palette(c), rule)
				if effective {
					explainConfigured(&text, env.palette(c), markdown, rule, file)
				}
			}
			return write(env.Stdout, text.Bytes())
		},
	}
}

func explainedRules(c *cli.Context) ([]*rules.Rule, error) {
	ids := c.Args().Slice()
	switch {
	case c.Bool("all") && len(ids) > 0:
		return nil, usagef("explain takes RULE or --all, not both")
	case c.Bool("all"):
		return slices.Concat(rules.All(), upgrade.Gates()), nil
	case len(ids) == 0:
		return nil, usagef("explain needs a RULE, or --all; \"%s rules\" lists them", Name)
	}
	var explained []*rules.Rule
	for _, id := range ids {
		meant, err := rulesLike(slices.Concat(rules.All(), upgrade.Gates()), id)
		if err != nil {
			return nil, usagef("%v", err)
		}
		for _, rule := range meant {
			if !slices.Contains(explained, rule) {
				explained = append(explained, rule)
			}
		}
	}
	return explained, nil
}

// noSuchRule is the message about a wrong rule id.
func noSuchRule(id string) string {
	var ids []string
	for _, rule := range rules.All() {
		ids = append(ids, rule.ID)
	}
	suggestion := didYouMean(id, ids)
	if suggestion == "" {
		suggestion = fmt.Sprintf("; %q lists them", Name+" rules")
	}
	return fmt.Sprintf("%q is not a rule%s", id, suggestion)
}
