package commands

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/rules"
)

// selectionFlags choose rules; see selectedRules.
func selectionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "rule", Usage: "run only this `RULE`; a pattern such as 'nodeset-*' means several; may be repeated"},
		&cli.StringSliceFlag{Name: "skip", Usage: "do not run this `RULE`, or those of a pattern; may be repeated"},
	}
}

// selectedRules returns the rules that a command with selectionFlags is to run: those of the profile that the configuration
// does not switch off; either may be nil. --rule takes the place of both.
func selectedRules(c *cli.Context, profile *analyze.Profile, file *config.File) ([]*rules.Rule, error) {
	selected := rules.All()
	if len(c.StringSlice("rule")) == 0 {
		selected = chosenRules(profile, file)
	}
	if patterns := c.StringSlice("rule"); len(patterns) > 0 {
		wanted, err := matchingRules("rule", patterns)
		if err != nil {
			return nil, err
		}
		selected = slices.DeleteFunc(selected, func(rule *rules.Rule) bool { return !slices.Contains(wanted, rule) })
	}
	unwanted, err := matchingRules("skip", c.StringSlice("skip"))
	if err != nil {
		return nil, err
	}
	selected = slices.DeleteFunc(selected, func(rule *rules.Rule) bool { return slices.Contains(unwanted, rule) })
	if len(selected) == 0 {
		return nil, usagef("the flags, profile and configuration leave no rule to run")
	}
	return selected, nil
}

// chosenRules are the rules that a profile chooses and a configuration does not switch off, sorted by id. Either may be nil.
func chosenRules(profile *analyze.Profile, file *config.File) []*rules.Rule {
	return slices.DeleteFunc(rules.All(), func(rule *rules.Rule) bool {
		return file.Off(rule.ID) || profile != nil && !profile.Selects(rule)
	})
}

func matchingRules(flag string, patterns []string) ([]*rules.Rule, error) {
	var matching []*rules.Rule
	for _, pattern := range patterns {
		some, err := rulesLike(rules.All(), pattern)
		if err != nil {
			return nil, usagef("--%s: %v", flag, err)
		}
		matching = append(matching, some...)
	}
	return matching, nil
}

// rulesLike are those of some rules whose ids match a pattern, and at least one.
func rulesLike(all []*rules.Rule, pattern string) ([]*rules.Rule, error) {
	var matching []*rules.Rule
	for _, rule := range all {
		ok, err := path.Match(pattern, rule.ID)
		if err != nil {
			return nil, fmt.Errorf("%q is not a pattern", pattern)
		}
		if ok {
			matching = append(matching, rule)
		}
	}
	if len(matching) == 0 {
		return nil, errors.New(noSuchRule(pattern))
	}
	return matching, nil
}

// validSelection complains about selectionFlags that no configuration can make right.
func validSelection(c *cli.Context) error {
	for _, flag := range []string{"rule", "skip"} {
		if _, err := matchingRules(flag, c.StringSlice(flag)); err != nil {
			return err
		}
	}
	return nil
}
