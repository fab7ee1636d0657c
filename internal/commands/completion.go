package commands

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/upgrade"
	"restate-lint/rules"
)

// completions are the scripts of the shells, by their names. All they do is to ask this program what may stand where the
// cursor is, so that they never know less, or more, than the program that is installed.
//
//go:embed completions
var completions embed.FS

var shells = []string{"bash", "zsh", "fish"}

// candidatesWord is what the scripts call in the place of a shell's name, with the words of the command line behind it, up
// to the one that is to be completed.
const candidatesWord = "candidates"

func completionCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print what makes a shell complete commands, flags, their values and rules",
		ArgsUsage: strings.Join(shells, "|"),
		Description: `Put it where the shell looks for it, or read it when the shell starts:

  bash   source <(restate-lint completion bash)                   in ~/.bashrc
  zsh    source <(restate-lint completion zsh)                    in ~/.zshrc, behind compinit
  fish   restate-lint completion fish > ~/.config/fish/completions/restate-lint.fish`,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			switch {
			case len(words) > 0 && words[0] == candidatesWord:
				var text bytes.Buffer
				for _, candidate := range complete(newApp(env), words[1:]) {
					fmt.Fprintf(&text, "%s\t%s\n", candidate.word, candidate.about)
				}
				return write(env.Stdout, text.Bytes())
			case len(words) != 1:
				return usagef("completion needs the name of a shell: %s", strings.Join(shells, ", "))
			case !slices.Contains(shells, words[0]):
				return usagef("completion: %q is not a shell that this program knows: %s%s", words[0], strings.Join(shells, ", "), didYouMean(words[0], shells))
			}
			script, err := completions.ReadFile("completions/" + words[0])
			if err != nil {
				return err
			}
			return write(env.Stdout, script)
		},
	}
}

// A candidate may stand in the place of a word.
type candidate struct{ word, about string }

// complete returns what may stand in the place of the last of some words, which may be empty or begun. There is nothing
// where a file may stand, so that the shell completes its name, and where nobody can tell.
func complete(app *cli.App, words []string) []candidate {
	words = joinValues(words)
	if len(words) == 0 {
		return nil
	}
	before, word := words[:len(words)-1], words[len(words)-1]
	c := &call{app: app}
	for len(before) > 0 {
		behind := before[1:]
		switch {
		case before[0] == "--":
			return nil
		case looksLikeFlag(before[0]):
			flag := c.findFlag(flagName(before[0]))
			if flag != nil && flag.TakesValue() && !strings.Contains(before[0], "=") {
				if len(behind) == 0 {
					return begunBy(word, valuesOf(flag))
				}
				behind = behind[1:]
			}
		case len(c.path) == 0 && before[0] == "help": // commands stand behind it
		default:
			if c.readWord(before[0]) != nil {
				return nil
			}
		}
		before = behind
	}
	if name, value, hasValue := strings.Cut(word, "="); hasValue && looksLikeFlag(word) {
		var whole []candidate
		if flag := c.findFlag(flagName(word)); flag != nil {
			for _, v := range begunBy(value, valuesOf(flag)) {
				whole = append(whole, candidate{name + "=" + v.word, v.about})
			}
		}
		return whole
	}
	if strings.HasPrefix(word, "-") {
		return begunBy(word, c.flagCandidates())
	}
	return begunBy(word, c.wordCandidates())
}

func flagName(argument string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
	return name
}

// joinValues undoes that bash takes --flag=value for three words. What it completes is the last of them.
func joinValues(words []string) []string {
	var joined []string
	for i := 0; i < len(words); i++ {
		if words[i] == "=" && len(joined) > 0 && looksLikeFlag(joined[len(joined)-1]) && !strings.Contains(joined[len(joined)-1], "=") {
			if i+1 == len(words) {
				joined = append(joined, "") // the value has not been begun
			}
			continue
		}
		joined = append(joined, words[i])
	}
	return joined
}

func begunBy(word string, candidates []candidate) []candidate {
	return slices.DeleteFunc(candidates, func(c candidate) bool { return !strings.HasPrefix(c.word, word) })
}

// flagCandidates are the flags that may stand behind what was read.
func (c *call) flagCandidates() []candidate {
	list := []candidate{{"--help", "say more"}}
	for _, flag := range c.knownFlags() {
		list = append(list, candidate{"--" + flag.Names()[0], flagHelp(flag)[1]})
	}
	slices.SortFunc(list, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	return slices.CompactFunc(list, func(a, b candidate) bool { return a.word == b.word })
}

// wordCandidates are the words, but for names of files, that may stand behind what was read.
func (c *call) wordCandidates() []candidate {
	commands := c.app.Commands
	if len(c.path) > 0 {
		commands = c.command().Subcommands
	}
	if len(commands) > 0 {
		var list []candidate
		for _, command := range commands {
			list = append(list, candidate{command.Name, command.Usage})
		}
		return list
	}
	switch arguments := c.command().ArgsUsage; {
	case strings.HasPrefix(arguments, "RULE"):
		return ruleCandidates(slices.Concat(rules.All(), upgrade.Gates()))
	case strings.Contains(arguments, "|") && len(c.files) == 0:
		return wordsOf(strings.Split(arguments, "|"))
	}
	return nil
}

func ruleCandidates(all []*rules.Rule) (list []candidate) {
	for _, rule := range all {
		list = append(list, candidate{rule.ID, rule.Summary})
	}
	return list
}

func wordsOf(words []string) []candidate {
	list := make([]candidate, len(words))
	for i, word := range words {
		list[i].word = word
	}
	return list
}

// valuesOf are the values of a flag: the words that its usage lists, or what the name of its value stands for.
func valuesOf(flag cli.DocGenerationFlag) []candidate {
	_, value, _ := strings.Cut(flag.GetUsage(), "`")
	value, _, _ = strings.Cut(value, "`")
	var list []candidate
	switch {
	case strings.Contains(value, "|"):
		return wordsOf(strings.Split(value, "|"))
	case value == "RULE":
		return ruleCandidates(rules.All())
	case value == formatValue:
		return formatCandidates()
	case value == "NAME" && slices.Contains(flag.(cli.Flag).Names(), "profile"):
		for _, profile := range analyze.Profiles() {
			list = append(list, candidate{profile.Name, profile.Summary})
		}
	}
	return list
}
