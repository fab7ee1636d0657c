package rules

import (
	"restate-lint/snapshots"
)

var _ = register(&schemaLegacyV1)

var schemaLegacyV1 = Rule{
	ID:       "schema-legacy-v1",
	Severity: Warning,
	Category: Services,
	Needs:    []snapshots.Kind{snapshots.SchemaRegistry},
	Summary:  "the schema registry has the shape that Restate up to 1.4 wrote",
	Doc: Doc{
		Checks: "A registry with `services` or `deployments` and without `deployments_v2`. An **error** for an upgrade to 1.8 or later, a **warning** for 1.7 (the release that an upgrade aims at, otherwise the one that runs), a **note** otherwise.",
		Why: "1.5 and 1.6 write the new shape with the next change of the registry, 1.7 converts it when it starts. 1.8 cannot read it any more, and the pre-release 1.7.0-rc.1 crashed on it: " +
			"clusters that have not changed a deployment since 1.4 still have it.",
		Legal: "In clusters up to 1.4, and until the first change of the registry in 1.5 and 1.6.",
		Fix:   "Run 1.7 once before 1.8; or change the registry under 1.5 or 1.6, for instance a header of a deployment.",
		Evidence: []string{
			"restatedev/restate #4855: 1.7.0-rc.1 panicked on a registry that was last written by 1.4; #5223: support removed for 1.8",
			"Restate 1.5 to 1.7: deployments_v2 is written with any change",
		},
	},
	Run: func(pass *Pass) {
		registry := pass.Snapshot.Registry
		if !registry.Legacy {
			return
		}
		f := Finding{
			Subject:  Subject{Document: string(snapshots.SchemaRegistry)},
			Title:    "the schema registry has its old shape, which only Restate 1.7 and older can read",
			Observed: "services and deployments",
			Expected: "deployments_v2",
			Why:      "it has not been written since Restate 1.4: Restate 1.7 converts it when it starts",
			At:       registry.LegacyAt,
			Remedy:   []string{"run Restate 1.7 once before any later release"},
		}
		switch release := effectiveRelease(pass); {
		case release.AtLeast(1, 8, 0):
			f.Severity = Error
			f.Why = "Restate 1.8 cannot read it"
		case !release.AtLeast(1, 7, 0):
			f.Severity = Note
		}
		pass.Report(f)
	},
}
