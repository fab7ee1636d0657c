package commands

import (
	"cmp"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/baseline"
	"restate-lint/analyze/config"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// A checker runs rules over snapshots, each as the flags and the configuration of the snapshot want it.
type checker struct {
	env   *Environment
	plans map[string]*plan // by the name of the capture
	// accounts are those of the configurations that apply to some capture, by the names of the files.
	accounts []account
	// brought are the configurations that lie in snapshots themselves.
	brought []*config.File
	// baseline is the account of the baseline at baselinePath; nil for none.
	baseline     *baseline.Account
	baselinePath string
	// whole is true where the captures are all that there are.
	whole bool
}

// A plan is how one snapshot is checked.
type plan struct {
	file       *config.File // nil for none
	rules      []*rules.Rule
	options    analyze.Options
	thresholds chosen
	account    *config.Account
}

type account struct {
	file *config.File
	*config.Account
}

// newChecker makes a checker for captures, from the configFlags of a command and those of the selectionFlags, profileFlag
// and --target-version that it has. The profile that a configuration names applies where there is a profileFlag.
func (env *Environment) newChecker(c *cli.Context, captures []snapshots.Capture) (*checker, error) {
	target, _, err := releaseFlag(c, "target-version")
	if err != nil {
		return nil, err
	}
	return env.newCheckerOf(c, captures, func(file *config.File) (*plan, error) {
		profile, err := profileOf(c, file)
		if err != nil {
			return nil, err
		}
		selected, err := selectedRules(c, profile, file)
		if err != nil {
			return nil, err
		}
		return &plan{rules: selected, options: analyze.Options{Target: target}, thresholds: thresholds(c, profile)}, nil
	})
}

// newGoldenChecker makes a checker for what goldens are made of: all rules that the configuration does not switch off,
// whatever else a command was asked for.
func (env *Environment) newGoldenChecker(c *cli.Context, captures []snapshots.Capture) (*checker, error) {
	return env.newCheckerOf(c, captures, func(file *config.File) (*plan, error) {
		all := chosenRules(nil, file)
		if len(all) == 0 {
			return nil, usagef("the configuration leaves no rule to run")
		}
		return &plan{rules: all}, nil
	})
}

// newCheckerOf makes a checker with a plan for each configuration that applies to some capture, which may be nil.
func (env *Environment) newCheckerOf(c *cli.Context, captures []snapshots.Capture, planFor func(*config.File) (*plan, error)) (*checker, error) {
	configurations, err := configurationsOf(c)
	if err != nil {
		return nil, err
	}
	k := &checker{env: env, plans: make(map[string]*plan)}
	byFile := make(map[*config.File]*plan)
	for _, capture := range captures {
		file, _, err := configurations.of(capture)
		if err != nil {
			return nil, err
		}
		if byFile[file] == nil {
			p, err := planFor(file)
			if err != nil {
				return nil, err
			}
			today, err := env.todayFor(file)
			if err != nil {
				return nil, err
			}
			p.file, p.options.Settings, p.account = file, file.Settings(), config.NewAccount(file, today)
			byFile[file] = p
			if file != nil {
				k.accounts = append(k.accounts, account{file, p.account})
			}
		}
		if configurations.brought(file, capture) {
			k.brought = append(k.brought, file)
		}
		k.plans[capture.Name] = byFile[file]
	}
	slices.SortFunc(k.accounts, func(a, b account) int { return cmp.Compare(a.file.Name, b.file.Name) })
	return k, nil
}

// useBaseline makes the findings of the baseline that --baseline names not count.
func (k *checker) useBaseline(c *cli.Context) error {
	if !c.IsSet("baseline") {
		return nil
	}
	if k.baselinePath = c.String("baseline"); k.baselinePath == "" {
		return usagef("--baseline: the empty text is not the name of a file")
	}
	file, err := readBaseline(k.baselinePath)
	if err != nil {
		return err
	}
	var today analyze.Date
	if file.Expires() {
		if today, err = k.env.today(); err != nil {
			return err
		}
	}
	k.baseline = baseline.NewAccount(file, k.baselinePath, today)
	return nil
}

// check runs the rules over the snapshot of a capture. It keeps nothing, so that snapshots can be checked side by side.
func (k *checker) check(snapshot *snapshots.Snapshot) *analyze.Result {
	p := k.plans[snapshot.Name]
	return analyze.CheckWith(snapshot, p.rules, p.options)
}

// settle marks the findings of a result that do not count.
func (k *checker) settle(result *analyze.Result) {
	k.plans[result.Name].account.Apply(result)
	if k.baseline != nil {
		k.baseline.Apply(result)
	}
}

// unread says that a capture could not be checked.
func (k *checker) unread(capture string) {
	if p := k.plans[capture]; p != nil {
		p.account.Unread(capture)
	}
}

// fewRemarks is how many remarks of a kind are said of a baseline.
const fewRemarks = 10

// conclude complains, once all captures were checked, about configurations that came with their snapshots, and about entries
// of configurations and of the baseline that do nothing, or not any more. It returns the remarks about these entries.
func (k *checker) conclude() (remarks []analyze.Remark) {
	for _, file := range k.brought {
		k.env.complainBrought(file)
	}
	for _, a := range k.accounts {
		of := a.Remarks()
		for i := range of {
			said := of[i]
			said.File = a.file.Name // which says where it is
			k.env.complain("%s", format.Clean(said.String()))
		}
		remarks = append(remarks, of...)
	}
	if k.baseline != nil {
		if k.whole {
			k.baseline.Conclude(slices.Collect(maps.Keys(k.plans)))
		}
		k.complainAboutBaseline()
		remarks = append(remarks, k.baseline.Remarks...)
	}
	return analyze.SortRemarks(remarks)
}

// complainAboutBaseline says what there is to say of the baseline: of each kind the first few, and what to do.
func (k *checker) complainAboutBaseline() {
	for _, kind := range []analyze.RemarkKind{analyze.OtherName, analyze.GraverEntry, analyze.ExpiredEntry, analyze.UnusedEntry} {
		n := 0
		for _, remark := range k.baseline.Remarks {
			if remark.Kind != kind {
				continue
			}
			if n++; n <= fewRemarks {
				remark.File = k.baselinePath
				k.env.complain("%s", format.Clean(remark.String()))
			}
		}
		if n > fewRemarks {
			k.env.complain("%s: and %d more", format.Clean(k.baselinePath), n-fewRemarks)
		}
	}
	unused := func(whole bool) bool {
		return slices.ContainsFunc(k.baseline.Remarks, func(r analyze.Remark) bool { return r.Kind == analyze.UnusedEntry && (r.Entry == "") == whole })
	}
	if unused(false) {
		k.env.complain("to drop what is found no more: %s baseline prune%s SNAPSHOT...", Name, baselineArgument(k.baselinePath))
	}
	if unused(true) {
		k.env.complain("to drop snapshots that are no more: %s baseline prune --gone%s DIR/...", Name, baselineArgument(k.baselinePath))
	}
}

// thresholds are those for a result.
func (k *checker) thresholds(result *analyze.Result) chosen { return k.plans[result.Name].thresholds }

// rules are all rules that run on some capture, sorted by id.
func (k *checker) rules() []*rules.Rule {
	return slices.DeleteFunc(rules.All(), func(rule *rules.Rule) bool {
		for _, p := range k.plans {
			if slices.Contains(p.rules, rule) {
				return false
			}
		}
		return true
	})
}

// show is the mildest severity that some capture's plan wants to be shown.
func (k *checker) show() rules.Severity {
	show := never
	for _, p := range k.plans {
		show = min(show, p.thresholds.show)
	}
	return show
}
