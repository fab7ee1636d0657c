package rules

import (
	"fmt"
	"slices"
)

// An Option is a threshold of a rule that the operator of a cluster may want to be another.
type Option struct {
	// Name is in kebab case, unique within the rule, and says what is counted: "max-segments".
	Name string
	// Default is the value where nobody sets one. Every value is within Min and Max, inclusive.
	Default, Min, Max int64
	// Doc is one sentence that says what the value does.
	Doc string
}

// Settings are what somebody wants to be otherwise about a rule. The zero value changes nothing.
type Settings struct {
	// Severity takes the place of the rule's severity, unless it is 0; see Rule.Judge.
	Severity Severity
	// Options are values of the rule's options, by name.
	Options map[string]int64
}

// Option returns the option of that name, or nil.
func (r *Rule) Option(name string) *Option {
	if i := slices.IndexFunc(r.Options, func(o Option) bool { return o.Name == name }); i >= 0 {
		return &r.Options[i]
	}
	return nil
}

// Judge returns the severity of a finding for which the rule states the given one. With a severity set for the rule, no
// finding is graver than that, and none becomes graver that the rule holds for milder than its own severity.
func (r *Rule) Judge(stated Severity, settings Settings) Severity {
	switch {
	case settings.Severity == 0:
		return stated
	case stated < r.Severity:
		return min(stated, settings.Severity)
	}
	return settings.Severity
}

// Option is the value of an option that the rule declares.
func (p *Pass) Option(name string) int64 {
	if value, ok := p.options[name]; ok {
		return value
	}
	option := p.rule.Option(name)
	if option == nil {
		panic(fmt.Sprintf("rules: %s declares no option %s", p.rule.ID, name))
	}
	return option.Default
}
