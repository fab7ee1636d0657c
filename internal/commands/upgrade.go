package commands

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/analyze/upgrade"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func upgradeCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "upgrade",
		Usage:     "say whether a cluster may be upgraded to a release, or rolled back: go or no go",
		ArgsUsage: "--to RELEASE SNAPSHOT",
		Description: `The answer is "go" (exit code 0) or "no go" (1), with everything that stands in the way and the steps that clear it, in
order. A release is a minor one such as 1.7, which means its newest patch, or a patch such as 1.7.12.

What the cluster runs is told from the nodes configuration (Restate 1.6 and later), from cluster markers, and from
--from; the oldest counts. Put into the capture as well, where you can, in its directory or below config/: the file
.cluster-marker and restate.toml of every node, and a listing of every data directory (ls -a, or find).
What the capture does not show is undecided. It is listed, and does not block without --require-complete; with it the
answer is "no go", and the exit code 3 if nothing else is in the way. A capture that does not show what the cluster runs
and has no nodes_config either gives no answer (3).

Of a configuration only the options of rules count here, such as the limit that "explain metadata-oversize" shows: they say
what is usual in the cluster. No severity, suppression or baseline opens a gate.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "the `RELEASE` to upgrade to"},
			&cli.StringFlag{Name: "from", Usage: "the `RELEASE` that the cluster runs, if the capture does not say it"},
			&cli.StringFlag{Name: "rollback-to", Usage: "the `RELEASE` that one must be able to go back to; without --to: from what runs now"},
			lateFlag{&cli.StringSliceFlag{Name: "uses"}, func() string {
				return "this `FEATURE` is in use, or \"none\" but those that are named: " + strings.Join(upgrade.Known().Features(), ", ") + "; may be repeated"
			}},
			&cli.BoolFlag{Name: "require-complete", Usage: "what is undecided blocks"},
			choiceFlag("format", "how to print the answer", "text", "json"),
			colourFlag(),
		}, configFlags()...),
		Action: func(c *cli.Context) error {
			request, err := upgradeRequest(c)
			if err != nil {
				return err
			}
			arguments, err := snapshotArguments(c, 1)
			if err != nil {
				return err
			}
			captures, code := env.findCaptures(arguments)
			switch {
			case code != clean:
				return exitWith(code)
			case len(captures) != 1:
				return usagef("upgrade takes one snapshot: %q is %d of them", arguments[0], len(captures))
			}
			if request.Options, err = env.configuredOptions(c, captures[0]); err != nil {
				return err
			}
			codes := []exitCode{clean}
			code, err = env.readCapture(captures[0], func(snapshot *snapshots.Snapshot) error {
				report, err := upgrade.Judge(Version, snapshot, request)
				switch {
				case errors.Is(err, upgrade.ErrNoAnswer):
					return &exit{code: unreadable, message: format.Clean(snapshot.Name) + ": " + err.Error()}
				case err != nil:
					return usagef("%s: %s", format.Clean(snapshot.Name), format.Clean(err.Error()))
				case len(report.Blockers) > 0:
					codes = append(codes, found)
				case report.Verdict == upgrade.NoGo: // for lack of evidence alone
					codes = append(codes, unreadable)
				}
				for _, crash := range report.Crashed {
					env.complain("%s: a rule crashed, please report it: %s", format.Clean(snapshot.Name), format.Clean(crash))
					codes = append(codes, crashed)
				}
				if err := report.Locate(); err != nil {
					env.complain("%s: %s", format.Clean(snapshot.Name), format.Clean(strings.Join(strings.Fields(err.Error()), " ")))
					codes = append(codes, unreadable)
				}
				var text bytes.Buffer
				if c.String("format") == "json" {
					if err := format.UpgradeJSON(&text, report); err != nil {
						return err
					}
				} else {
					format.Text{Palette: env.palette(c)}.Upgrade(&text, report)
				}
				return write(env.Stdout, text.Bytes())
			})
			if err != nil {
				return err
			}
			return exitWith(worst(append(codes, code)...))
		},
	}
}

func upgradeRequest(c *cli.Context) (request upgrade.Request, err error) {
	request.Uses = c.StringSlice("uses")
	request.RequireComplete = c.Bool("require-complete")
	known := append(upgrade.Known().Features(), upgrade.NoFeature)
	for _, feature := range request.Uses {
		if !slices.Contains(known, feature) {
			return request, usagef("--uses: %q is not a feature%s", feature, didYouMean(feature, known))
		}
	}
	if !c.IsSet("to") && !c.IsSet("rollback-to") {
		return request, usagef("upgrade needs --to RELEASE, or --rollback-to RELEASE")
	}
	if request.To, request.ToPatch, err = releaseFlag(c, "to"); err != nil {
		return request, err
	}
	if request.RollbackTo, request.RollbackToPatch, err = releaseFlag(c, "rollback-to"); err != nil {
		return request, err
	}
	request.From, request.FromPatch, err = releaseFlag(c, "from")
	return request, err
}

// releaseFlag reads a flag that is a release; the zero release when it was not given.
func releaseFlag(c *cli.Context, name string) (release cluster.Release, patch bool, err error) {
	if !c.IsSet(name) {
		return release, false, nil
	}
	if release, patch, err = upgrade.ParseTarget(c.String(name)); err == nil {
		err = upgrade.Known().Unknown(release)
	}
	if err != nil {
		return release, patch, usagef("--%s: %v", name, err)
	}
	return release, patch, nil
}
