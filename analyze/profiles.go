package analyze

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sync"

	"restate-lint/rules"
	"restate-lint/snapshots"
)

//go:embed profiles.json
var profilesText []byte

// A Profile is a choice of rules and thresholds for one kind of work. The profiles are data: profiles.json.
type Profile struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Rules and Skip are patterns of rule ids; no Rules means all.
	Rules []string `json:"rules,omitempty"`
	Skip  []string `json:"skip,omitempty"`
	// Documents keeps only the rules that need nothing but these; none means any.
	Documents []snapshots.Kind `json:"documents,omitempty"`
	// FailOn and Show are severities, FailOn also "never".
	FailOn          string `json:"fail_on"`
	Show            string `json:"show"`
	RequireComplete bool   `json:"require_complete"`
}

// Profiles returns all profiles, in the order of their table.
var Profiles = sync.OnceValue(func() []Profile {
	profiles, err := ParseProfiles(profilesText)
	if err != nil {
		panic("analyze: " + err.Error()) // a test reads them
	}
	return profiles
})

// ParseProfiles reads a table of profiles. It accepts no field that it does not know.
func ParseProfiles(text []byte) ([]Profile, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var profiles []Profile
	if err := decoder.Decode(&profiles); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	for i, p := range profiles {
		if p.Name == "" || p.Summary == "" || slices.ContainsFunc(profiles[:i], func(other Profile) bool { return other.Name == p.Name }) {
			return nil, fmt.Errorf("profiles: entry %d has no summary, or no name of its own", i)
		}
		if _, err := rules.ParseSeverity(p.Show); err != nil {
			return nil, fmt.Errorf("profile %s: show: %w", p.Name, err)
		}
		if _, err := rules.ParseSeverity(p.FailOn); err != nil && p.FailOn != "never" {
			return nil, fmt.Errorf("profile %s: fail_on: %w, or never", p.Name, err)
		}
		for _, pattern := range slices.Concat(p.Rules, p.Skip) {
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, fmt.Errorf("profile %s: %q is not a pattern", p.Name, pattern)
			}
		}
	}
	return profiles, nil
}

// FindProfile returns the profile of a name, or nil.
func FindProfile(name string) *Profile {
	profiles := Profiles()
	if i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == name }); i >= 0 {
		return &profiles[i]
	}
	return nil
}

// Selects reports whether a rule belongs to the profile.
func (p *Profile) Selects(rule *rules.Rule) bool {
	matches := func(pattern string) bool { ok, _ := path.Match(pattern, rule.ID); return ok }
	if len(p.Rules) > 0 && !slices.ContainsFunc(p.Rules, matches) || slices.ContainsFunc(p.Skip, matches) {
		return false
	}
	return len(p.Documents) == 0 || !slices.ContainsFunc(rule.Needs, func(kind snapshots.Kind) bool { return !slices.Contains(p.Documents, kind) })
}
