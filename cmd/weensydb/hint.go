package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// complete lists what the last word of the line can become: pairs of a word and
// what it means.
func (p *prompt) complete(line string) []string {
	words := strings.Fields(line)
	if line == "" || strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	var pairs []string
	add := func(word, meaning string) {
		if strings.HasPrefix(word, last) {
			pairs = append(pairs, word, meaning)
		}
	}
	switch command := p.command(words[0]); {
	case len(words) == 1, len(words) == 2 && words[0] == "help":
		for _, c := range p.model.Children {
			add(c.Name, c.Help)
		}
	case command != nil && strings.HasPrefix(last, "-"):
		for _, flag := range command.Flags {
			add("--"+flag.Name, flag.Help)
		}
	case command != nil && len(words) == 2:
		for _, word := range argumentWords(command) {
			add(word, "")
		}
	}
	return pairs
}

// hint is shown below the line while it is typed: how the command is used, or
// which ones begin like this.
func (p *prompt) hint(line string) string {
	name, _, more := strings.Cut(strings.TrimLeft(line, " "), " ")
	if name == "" {
		return ""
	}
	if command := p.command(name); command != nil {
		return usage(command) + ": " + command.Help
	}
	if more {
		return "no such command: type 'help'"
	}
	var begin []string
	for _, c := range p.model.Children {
		if strings.HasPrefix(c.Name, name) {
			begin = append(begin, c.Name)
		}
	}
	return strings.Join(begin, "  ")
}

// command finds a command of the prompt by its name; nil if there is none.
func (p *prompt) command(name string) *kong.Node {
	i := slices.IndexFunc(p.model.Children, func(c *kong.Node) bool {
		return c.Name == name || slices.Contains(c.Aliases, name)
	})
	if i < 0 {
		return nil
	}
	return p.model.Children[i]
}
