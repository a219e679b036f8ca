package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// asProgram is set in the environment of a child that is to be the program and
// not its test.
const asProgram = "TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	for _, entry := range os.Environ() { // what is set on the developer's machine must not decide
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "WEENSYDB_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// outcome is what a command line did.
type outcome struct {
	code           int
	stdout, stderr string
}

// invoke runs a command line within the test.
func invoke(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	s := newSession(strings.NewReader(stdin), &stdout, &stderr)
	defer s.close()
	code := run(args, s)
	return outcome{code, stdout.String(), stderr.String()}
}

func TestHelp(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"Exit codes", "serve", "completion"}},
		{[]string{"--help"}, []string{"Exit codes"}},
		{[]string{"serve", "--help"}, []string{"Default: 127.0.0.1:6162.", "[$WEENSYDB_MAX_ITEM_SIZE]", "All mistakes are reported at once"}},
		{[]string{"get", "--help"}, []string{"<KEY>", "Default: 127.0.0.1:6162", "Default: 10s", "[$WEENSYDB_SERVER]"}},
		{[]string{"keys", "--help"}, []string{"Default: 127.0.0.1:11211"}},
		{[]string{"--version"}, []string{"0."}},
	} {
		o := invoke(t, "", c.args...)
		words := strings.Join(strings.Fields(o.stdout), " ") // however it is wrapped
		for _, want := range c.want {
			if o.code != exitOK || !strings.Contains(words, want) {
				t.Errorf("%q: exit code %d, %q is not in\n%s%s", c.args, o.code, want, o.stdout, o.stderr)
			}
		}
	}
}

func TestUsageMistakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"bogus"}, "unexpected argument bogus"},
		{[]string{"get"}, "Usage: get KEY"},
		{[]string{"set", "k", "v", "w"}, "unexpected argument w"},
		{[]string{"get", "--bogus", "k"}, "unknown flag --bogus"},
		{[]string{"incr", "k", "x"}, "N"},
		{[]string{"incr", "k", "--", "-1"}, "N"},
		{[]string{"get", "--timeout", "0s", "k"}, "--timeout 0s: give a time above 0"},
		{[]string{"get", "--server", "localhost", "k"}, "write host:port or unix:/path"},
		{[]string{"completion", "tcsh"}, `"bash","zsh","fish"`},
	} {
		o := invoke(t, "", c.args...)
		if o.code != exitUsage || !strings.Contains(o.stderr, c.want) {
			t.Errorf("%q: exit code %d, want %d; %q is not in\n%s", c.args, o.code, exitUsage, c.want, o.stderr)
		}
	}
}
