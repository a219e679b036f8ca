package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// A setting is what one flag of serve is set to, before it is understood.
type setting struct {
	texts []string // several only for a flag that can be repeated
	label string   // where it was found, for messages: "--memory 5x", "WEENSYDB_MEMORY=5x"
}

// settings are all of serve's, by the flag's name.
type settings map[string]setting

// gather finds each setting where it counts most: flag, environment, file,
// default.
func gather(flags []*kong.Flag, given map[string][]string, lookup func(string) (string, bool)) (settings, []error) {
	all := settings{}
	fromFile, mistakes := map[string][]string{}, []error(nil)
	path := ""
	if texts, ok := given["config"]; ok {
		path = texts[0]
	} else if text, ok := lookup("WEENSYDB_CONFIG"); ok {
		path = text
	}
	if path != "" {
		fromFile, mistakes = readFile(path, flags)
	}
	for _, flag := range flags {
		env := flag.Envs[0]
		if texts, ok := given[flag.Name]; ok {
			all[flag.Name] = setting{texts, "--" + flag.Name + " " + strings.Join(texts, " ")}
		} else if text, ok := lookup(env); ok && (text != "" || flag.IsSlice() || flag.Name == "http") {
			// Where empty means off it counts; elsewhere it is as good as none.
			all[flag.Name] = setting{split(flag, text), env + "=" + text}
		} else if texts, ok := fromFile[flag.Name]; ok {
			all[flag.Name] = setting{texts, path + ": " + flag.Name + " = " + strings.Join(texts, ", ")}
		} else {
			all[flag.Name] = setting{split(flag, flag.Default), "--" + flag.Name}
		}
	}
	return all, mistakes
}

// split takes a variable's text apart if the flag can be repeated.
func split(flag *kong.Flag, text string) []string {
	if flag.IsSlice() {
		return strings.Split(text, ",")
	}
	return []string{text}
}

// givenFlags collects what stands on the command line.
func givenFlags(ctx *kong.Context) map[string][]string {
	given := map[string][]string{}
	for _, path := range ctx.Path {
		if path.Flag == nil {
			continue
		}
		value := reflect.ValueOf(ctx.FlagValue(path.Flag))
		switch value.Kind() {
		case reflect.Slice:
			given[path.Flag.Name] = value.Interface().([]string)
		case reflect.String:
			given[path.Flag.Name] = []string{value.String()}
		}
	}
	return given
}

// readFile reads the file of --config: keys are flags' names.
func readFile(path string, flags []*kong.Flag) (map[string][]string, []error) {
	var content map[string]any
	if _, err := toml.DecodeFile(path, &content); err != nil {
		return nil, []error{fmt.Errorf("--config %s: %w", path, err)}
	}
	found := map[string][]string{}
	var mistakes []error
	for _, key := range slices.Sorted(maps.Keys(content)) {
		i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == key && key != "config" && key != "help" })
		if i < 0 {
			mistakes = append(mistakes, fmt.Errorf("%s: %s: there is no such setting", path, key))
			continue
		}
		texts, err := textsOf(content[key], flags[i].IsSlice())
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %s: %w", path, key, err))
			continue
		}
		found[key] = texts
	}
	return found, mistakes
}

// textsOf gives a TOML value the form that it would have as a flag.
func textsOf(value any, many bool) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	case bool:
		return []string{strconv.FormatBool(v)}, nil
	case []any:
		if !many {
			return nil, fmt.Errorf("it has one value, not a list")
		}
		texts := []string{}
		for _, element := range v {
			text, ok := element.(string)
			if !ok {
				return nil, fmt.Errorf("%v is no text: put it in quotes", element)
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	return nil, fmt.Errorf("%v is neither a text, a whole number, true, false nor a list of texts", value)
}
