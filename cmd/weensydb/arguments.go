package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// checkServe takes off serve's command line what serve does not have, with a
// mistake for each. kong stops at the first such thing, and neither the others
// nor wrong values would be reported with it. Other command lines are returned
// as they are.
func checkServe(k *kong.Kong, args []string) (sound []string, mistakes []error) {
	i := slices.IndexFunc(args, func(arg string) bool { return !isFlag(arg) })
	if i < 0 || args[i] != "serve" {
		return args, nil
	}
	flags := flagsOf(k, "serve")
	sound = slices.Clone(args[:i+1])
	for i++; i < len(args); i++ {
		name, _, valued := strings.Cut(args[i], "=")
		known := slices.IndexFunc(flags, func(f *kong.Flag) bool { return name == "--"+f.Name || name == "-"+string(f.Short) })
		next := !valued && i+1 < len(args) && !isFlag(args[i+1]) // a value may follow
		switch {
		case !isFlag(name):
			mistakes = append(mistakes, fmt.Errorf("%s: serve takes flags only", args[i]))
		case known < 0:
			mistakes = append(mistakes, fmt.Errorf("%s: there is no such flag%s", name, similar(name, flags)))
			if next {
				i++
			}
		case valued || flags[known].IsBool():
			sound = append(sound, args[i])
		case next:
			sound = append(sound, args[i], args[i+1])
			i++
		default:
			mistakes = append(mistakes, fmt.Errorf("%s: a value is missing", name))
		}
	}
	return sound, mistakes
}

func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' }

// flagsOf lists the flags that a command accepts.
func flagsOf(k *kong.Kong, command string) []*kong.Flag {
	flags := k.Model.Flags
	for _, c := range k.Model.Children {
		if c.Name == command {
			flags = slices.Concat(flags, c.Flags)
		}
	}
	return flags
}

// similar names the flag that was perhaps meant: one with the same letters in
// another order, one more or one less.
func similar(name string, flags []*kong.Flag) string {
	for _, flag := range flags {
		if long := "--" + flag.Name; len(name) > 3 && nearly(long, name) {
			return "; did you mean " + long + "?"
		}
	}
	return ""
}

// nearly reports whether the letters of two words differ by at most one.
func nearly(a, b string) bool {
	var count [256]int
	for i := range len(a) {
		count[a[i]]++
	}
	for i := range len(b) {
		count[b[i]]--
	}
	differences := 0
	for _, n := range count {
		differences += max(n, -n)
	}
	return differences <= 1
}
