package commands

import (
	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
)

func colourFlag() cli.Flag {
	return choiceFlag("color", "colour the text; auto means on a terminal, and heeds NO_COLOR and FORCE_COLOR", "auto", "always", "never")
}

// palette decides whether the text of a command with a colourFlag is coloured.
func (env *Environment) palette(c *cli.Context) format.Palette {
	switch c.String("color") {
	case "always":
		return format.Palette{On: true}
	case "never":
		return format.Palette{}
	}
	force := env.Getenv("FORCE_COLOR")
	switch {
	case env.Getenv("NO_COLOR") != "":
		return format.Palette{}
	case force != "":
		return format.Palette{On: force != "0"}
	}
	return format.Palette{On: env.Getenv("TERM") != "dumb" && isTerminal(env.Stdout)}
}
