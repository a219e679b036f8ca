package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand prints a script that is made from the grammar. kong has no
// completion of its own, and the libraries that add it have not kept up with
// it, or want the program to be run at each press of the key.
type completionCommand struct {
	Shell string `arg:"" name:"SHELL" enum:"bash,zsh,fish" help:"One of bash, zsh, fish."`
}

func (*completionCommand) Help() string {
	return `bash: source <(weensydb completion bash)

zsh: source <(weensydb completion zsh), after compinit

fish: weensydb completion fish | source`
}

func (c *completionCommand) Run(k *kong.Kong, s *session) error {
	script := map[string]func(*kong.Application) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	_, err := fmt.Fprint(s.stdout, script(k.Model))
	return err
}

// argumentWords lists what a command's first argument can be, if that is known.
func argumentWords(command *kong.Node) []string {
	if len(command.Positional) == 0 {
		return nil
	}
	first := command.Positional[0]
	if first.Enum != "" {
		return first.EnumSlice()
	}
	return strings.FieldsFunc(first.Tag.Get("words"), func(c rune) bool { return c == ',' })
}

// longFlags lists a node's flags as they are typed.
func longFlags(node *kong.Node) []string {
	var names []string
	for _, flag := range node.Flags {
		names = append(names, "--"+flag.Name)
	}
	return names
}

// pathNames are what the help calls a file or a directory.
var pathNames = []string{"F", "FILE", "DIR", "PATH"}

// isPath reports whether a flag's value is a file or a directory.
func isPath(flag *kong.Flag) bool { return slices.Contains(pathNames, flag.PlaceHolder) }

// takesPaths reports whether a command's arguments are files or directories.
func takesPaths(command *kong.Node) bool {
	return len(command.Positional) > 0 && slices.Contains(pathNames, command.Positional[0].Name)
}

func bashScript(app *kong.Application) string {
	var commands, paths []string
	var cases strings.Builder
	for _, command := range app.Children {
		commands = append(commands, command.Name)
		words := slices.Concat(argumentWords(command), longFlags(command), []string{"--help"})
		files := map[bool]string{true: ` mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;`}[takesPaths(command)]
		fmt.Fprintf(&cases, "        %s) words='%s';%s;\n", command.Name, strings.Join(words, " "), files)
		for _, flag := range command.Flags {
			if name := "--" + flag.Name; isPath(flag) && !slices.Contains(paths, name) {
				paths = append(paths, name)
			}
		}
	}
	first := slices.Concat(commands, longFlags(app.Node))
	return strings.NewReplacer(
		"COMMANDS", strings.Join(commands, "|"), "PATHS", strings.Join(paths, "|"),
		"FIRST", strings.Join(first, " "), "CASES", cases.String(),
	).Replace(`# bash completion for weensydb
_weensydb() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words i
    COMPREPLY=()
    case $prev in
        PATHS) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            COMMANDS) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $command in
        '') words='FIRST' ;;
CASES    esac
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _weensydb weensydb
`)
}

func zshScript(app *kong.Application) string {
	quote := strings.NewReplacer("'", `'\''`, ":", `\:`, "[", `\[`, "]", `\]`)
	var commands, cases strings.Builder
	for _, command := range app.Children {
		fmt.Fprintf(&commands, "        '%s:%s'\n", command.Name, quote.Replace(command.Help))
		fmt.Fprintf(&cases, "        %s)\n            _arguments", command.Name)
		for _, flag := range command.Flags {
			fmt.Fprintf(&cases, " \\\n                '%s--%s[%s]", map[bool]string{true: "*"}[flag.IsSlice()], flag.Name, quote.Replace(flag.Help))
			switch {
			case isPath(flag):
				fmt.Fprintf(&cases, ":%s:_files", flag.PlaceHolder)
			case !flag.IsBool():
				fmt.Fprintf(&cases, ":%s: ", flag.PlaceHolder)
			}
			cases.WriteString("'")
		}
		if words := argumentWords(command); len(words) > 0 {
			fmt.Fprintf(&cases, " \\\n                '1:%s:(%s)'", command.Positional[0].Name, strings.Join(words, " "))
		}
		if takesPaths(command) {
			for i, arg := range command.Positional {
				only := map[bool]string{true: " -/"}[arg.Name == "DIR"]
				fmt.Fprintf(&cases, " \\\n                '%d:%s:_files%s'", i+1, arg.Name, only)
			}
		}
		cases.WriteString(" ;;\n")
	}
	return strings.NewReplacer("COMMANDS", commands.String(), "CASES", cases.String()).Replace(`#compdef weensydb
_weensydb() {
    local -a commands
    commands=(
COMMANDS    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
CASES    esac
}
compdef _weensydb weensydb
`)
}

func fishScript(app *kong.Application) string {
	quote := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	var script strings.Builder
	script.WriteString("# fish completion for weensydb\ncomplete -c weensydb -f\n")
	for _, command := range app.Children {
		fmt.Fprintf(&script, "complete -c weensydb -n __fish_use_subcommand -a %s -d '%s'\n", command.Name, quote.Replace(command.Help))
		here := fmt.Sprintf("complete -c weensydb -n '__fish_seen_subcommand_from %s'", command.Name)
		for _, flag := range command.Flags {
			value := map[bool]string{false: " -r"}[flag.IsBool()]
			if isPath(flag) {
				value += " -F"
			}
			fmt.Fprintf(&script, "%s -l %s%s -d '%s'\n", here, flag.Name, value, quote.Replace(flag.Help))
		}
		if words := argumentWords(command); len(words) > 0 {
			fmt.Fprintf(&script, "%s -a '%s'\n", here, strings.Join(words, " "))
		}
		if takesPaths(command) {
			fmt.Fprintf(&script, "%s -F\n", here)
		}
	}
	return script.String()
}
