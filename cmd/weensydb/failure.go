package main

import (
	"errors"
	"fmt"
)

// Exit codes; the help of the program lists them.
const (
	exitOK          = 0
	exitRefused     = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// A failure is an error that knows the program's exit code.
type failure struct {
	code int
	err  error // what is wrong, joined if it is several things; nil: it has been printed
}

func (f *failure) Error() string { return fmt.Sprint(f.err) }
func (f *failure) Unwrap() error { return f.err }

// refused: the server, or what it holds, said no.
func refused(format string, args ...any) error {
	return &failure{exitRefused, fmt.Errorf(format, args...)}
}

// misused: the command line or the configuration is wrong.
func misused(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

// unreachable: there is no server, or it stopped answering.
func unreachable(format string, args ...any) error {
	return &failure{exitUnreachable, fmt.Errorf(format, args...)}
}

// exitCode is what the program ends with after err.
func exitCode(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
		return f.code
	default:
		return exitRefused
	}
}

// joinMistakes appends errors to a list, taking apart those that are lists
// themselves.
func joinMistakes(all []error, more ...error) []error {
	for _, err := range more {
		switch e := err.(type) {
		case nil:
		case *failure:
			all = joinMistakes(all, e.err)
		case interface{ Unwrap() []error }:
			all = joinMistakes(all, e.Unwrap()...)
		default:
			all = append(all, err)
		}
	}
	return all
}
