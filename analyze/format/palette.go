package format

import "restate-lint/rules"

// A Palette colours text for terminals. The zero value leaves text as it is.
type Palette struct{ On bool }

// A style is the parameter of the escape sequence that selects it.
type style string

const (
	bold     style = "1"
	faint    style = "2"
	green    style = "32"
	boldRed  style = "1;31"
	boldGold style = "1;33"
	boldCyan style = "1;36"
)

var severityStyles = [...]style{rules.Error: boldRed, rules.Warning: boldGold, rules.Note: boldCyan}

// paint colours a clean text.
func (p Palette) paint(s style, text string) string {
	if !p.On || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Bold makes a clean text stand out.
func (p Palette) Bold(text string) string { return p.paint(bold, text) }
