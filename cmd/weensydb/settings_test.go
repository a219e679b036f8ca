package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"weensydb"
)

// configure understands a command line of serve as the program does, without
// serving. FILE in an argument stands for a file with the content.
func configure(t *testing.T, args []string, env map[string]string, file string) (*options, []error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weensydb.toml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"serve"}, args...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "FILE", path)
	}
	lookup := func(name string) (string, bool) {
		text, ok := env[name]
		return strings.ReplaceAll(text, "FILE", path), ok
	}
	var out bytes.Buffer
	k := newProgramParser(new(program), newSession(nil, &out, &out))
	args, mistakes := checkServe(k, args)
	ctx, _, err := parse(k, args)
	settings, wrong := gather(ctx.Selected().Flags, givenFlags(ctx), lookup)
	opts, more := settings.options()
	mistakes = joinMistakes(mistakes, err, errors.Join(wrong...), errors.Join(more...))
	for i, mistake := range mistakes {
		mistakes[i] = errors.New(strings.ReplaceAll(mistake.Error(), path, "FILE"))
	}
	return opts, mistakes
}

type variables = map[string]string

// TestPrecedence: flag, environment, file, default. Each row sets what the
// settings say in one place more than the row before it.
func TestPrecedence(t *testing.T) {
	const file = "memory = \"1G\"\nweensy = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\ncache = true\nidle-timeout = \"1m\"\nmax-conns = 1\n"
	env := variables{
		"WEENSYDB_CONFIG": "FILE", "WEENSYDB_MEMORY": "2G", "WEENSYDB_WEENSY": "127.0.0.1:3,127.0.0.1:4",
		"WEENSYDB_CACHE": "false", "WEENSYDB_IDLE_TIMEOUT": "2m", "WEENSYDB_MAX_CONNS": "2",
	}
	flags := []string{"--memory=3G", "--weensy", "127.0.0.1:5", "--weensy", "127.0.0.1:6", "--cache", "--idle-timeout", "3m", "--max-conns", "3"}
	type values struct {
		memory   int64
		weensy   []string
		cache    bool
		idle     time.Duration
		maxConns int
	}
	for _, c := range []struct {
		name string
		args []string
		env  variables
		want values
	}{
		{"default", nil, nil, values{defaultMemory(usableMemory()), []string{"127.0.0.1:6162"}, false, 0, 10000}},
		{"file", []string{"--config", "FILE"}, nil, values{1 << 30, []string{"127.0.0.1:1", "127.0.0.1:2"}, true, time.Minute, 1}},
		{"file from the environment", nil, variables{"WEENSYDB_CONFIG": "FILE"}, values{1 << 30, []string{"127.0.0.1:1", "127.0.0.1:2"}, true, time.Minute, 1}},
		{"environment", nil, env, values{2 << 30, []string{"127.0.0.1:3", "127.0.0.1:4"}, false, 2 * time.Minute, 2}},
		{"flag", flags, env, values{3 << 30, []string{"127.0.0.1:5", "127.0.0.1:6"}, true, 3 * time.Minute, 3}},
		{"flag over file", append([]string{"--config=FILE"}, flags...), nil, values{3 << 30, []string{"127.0.0.1:5", "127.0.0.1:6"}, true, 3 * time.Minute, 3}},
		{"flag that says no", []string{"--cache=false", "--weensy", ""}, variables{"WEENSYDB_CACHE": "true"}, values{defaultMemory(usableMemory()), nil, false, 0, 10000}},
		{"empty variables", nil, variables{"WEENSYDB_MEMORY": "", "WEENSYDB_CACHE": "", "WEENSYDB_WEENSY": ""}, values{defaultMemory(usableMemory()), nil, false, 0, 10000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts, mistakes := configure(t, c.args, c.env, file)
			if len(mistakes) > 0 {
				t.Fatal(mistakes)
			}
			got := values{opts.config.Memory, opts.config.Weensy, opts.config.Cache, opts.config.IdleTimeout, opts.config.MaxConns}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestEverySetting: each flag reaches what it is for.
func TestEverySetting(t *testing.T) {
	opts, mistakes := configure(t, []string{
		"--weensy", "unix:/w", "--memcache", "127.0.0.1:1", "--memcache=[::1]:2", "--http", "", "--dir", "d", "--durability", "none",
		"--cache", "--memory", "512MiB", "--max-item-size", "2m", "--threads", "3", "--max-conns", "4", "--idle-timeout", "5s",
		"--request-timeout", "6s", "--write-timeout", "7s", "--drain-timeout", "8s", "--tls-cert", "", "--tls-key=", "--tls-client-ca", "",
		"--auth-file", "", "--allow", "10.0.0.1/8", "--allow", "::1/128", "--insecure",
	}, nil, "")
	want := weensydb.Config{
		Weensy: []string{"unix:/w"}, Memcache: []string{"127.0.0.1:1", "[::1]:2"}, Dir: "d", Durability: weensydb.DurabilityNone,
		Cache: true, Memory: 512 << 20, MaxItemSize: 2 << 20, MaxConns: 4, IdleTimeout: 5 * time.Second,
		RequestTimeout: 6 * time.Second, WriteTimeout: 7 * time.Second, DrainTimeout: 8 * time.Second,
		Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Insecure: true,
	}
	if len(mistakes) > 0 || !reflect.DeepEqual(opts.config, want) || opts.threads != 3 {
		t.Errorf("%v\ngot  %+v, %d threads\nwant %+v", mistakes, opts.config, opts.threads, want)
	}
	if len(opts.warnings) > 0 {
		t.Errorf("a cache warns: %q", opts.warnings)
	}
}

func TestWarnings(t *testing.T) {
	opts, mistakes := configure(t, nil, nil, "")
	if len(mistakes) > 0 || len(opts.warnings) > 0 || opts.config.Durability != weensydb.DurabilityAlways {
		t.Errorf("%v, durability %s, warnings %q", mistakes, opts.config.Durability, opts.warnings)
	}
	opts, mistakes = configure(t, []string{"--memory", fmt.Sprint(usableMemory()), "--cache"}, nil, "")
	if len(mistakes) > 0 || len(opts.warnings) != 1 || !strings.Contains(opts.warnings[0], "three quarters") {
		t.Errorf("%v, warnings %q", mistakes, opts.warnings)
	}
}

// TestMistakes lists each mistake alone, in the three places.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  variables
		file string
		want string
	}{
		{args: []string{"--memory", "5x"}, want: "--memory 5x: write a size such as 512MiB or 4G"},
		{env: variables{"WEENSYDB_MEMORY": "-1"}, want: "WEENSYDB_MEMORY=-1: write a size"},
		{file: "memory = \"9999999999999P\"", want: "FILE: memory = 9999999999999P: write a size"},
		{args: []string{"--memory", "1M", "--max-item-size", "64k"}, want: "memory 1048576 is below the least"},
		{args: []string{"--max-item-size", "0"}, want: "--max-item-size 0: write a size"},
		{args: []string{"--memory", "16m", "--max-item-size", "5m"}, want: "max item size 5242880 is more than"},
		{args: []string{"--threads", "two"}, want: "--threads two: write a whole number above 0"},
		{args: []string{"--max-conns", "0"}, want: "--max-conns 0: write a whole number above 0"},
		{args: []string{"--idle-timeout=-1s"}, want: "--idle-timeout -1s: write a duration above 0"},
		{args: []string{"--request-timeout=0"}, want: "--request-timeout 0: write a duration above 0"},
		{args: []string{"--write-timeout", "30"}, want: "--write-timeout 30: write a duration such as"},
		{args: []string{"--weensy", "6162"}, want: `address "6162" is neither host:port nor unix:/path`},
		{args: []string{"--weensy", "127.0.0.1:x"}, want: `a port is a number up to 65535, not "x"`},
		{args: []string{"--memcache", "127.0.0.1:65536"}, want: `a port is a number up to 65535, not "65536"`},
		{args: []string{"--memcache", "0.0.0.0:11211"}, want: "say --insecure"},
		{args: []string{"--memcache", "127.0.0.1:6162"}, want: "given twice"},
		{args: []string{"--memcache", "", "--weensy", ""}, want: "both off"},
		{args: []string{"--http", "127.0.0.1:8080"}, want: "--http 127.0.0.1:8080: the console is not in this version yet"},
		{env: variables{"WEENSYDB_TLS_CERT": "c.pem"}, want: "WEENSYDB_TLS_CERT=c.pem: TLS is not in this version yet; leave it out"},
		{args: []string{"--tls-key", "k.pem"}, want: "--tls-key k.pem: TLS"},
		{args: []string{"--tls-client-ca", "c.pem"}, want: "--tls-client-ca c.pem: TLS"},
		{args: []string{"--auth-file", "f"}, want: "--auth-file f: authentication is not in this version yet"},
		{args: []string{"--dir", ""}, want: "there is no directory for the log"},
		{args: []string{"--durability", "sometimes"}, want: "--durability sometimes: write always, interval or none"},
		{args: []string{"--allow", "10.0.0.1"}, want: `--allow 10.0.0.1: "10.0.0.1" is no network`},
		{args: []string{"--cache=perhaps"}, want: "--cache perhaps: write true or false"},
		{env: variables{"WEENSYDB_INSECURE": "perhaps"}, want: "WEENSYDB_INSECURE=perhaps: write true or false"},
		{args: []string{"--memroy", "4G"}, want: "--memroy: there is no such flag; did you mean --memory?"},
		{args: []string{"--bogus=4G"}, want: "--bogus: there is no such flag"},
		{args: []string{"-x"}, want: "-x: there is no such flag"},
		{args: []string{"--memory"}, want: "--memory: a value is missing"},
		{args: []string{"now"}, want: "now: serve takes flags only"},
		{args: []string{"--config", "FILE.missing"}, want: "--config FILE.missing: open"},
		{file: "memory = ", want: "--config FILE: toml: line 1"},
		{file: "memroy = \"4G\"", want: "FILE: memroy: there is no such setting"},
		{file: "config = \"other\"", want: "FILE: config: there is no such setting"},
		{file: "[limits]\nmemory = \"4G\"", want: "FILE: limits: there is no such setting"},
		{file: "memory = [\"4G\"]", want: "FILE: memory: it has one value"},
		{file: "memory = 4.5", want: "FILE: memory: 4.5 is neither"},
		{file: "allow = [1]", want: "FILE: allow: 1 is no text"},
	} {
		if c.file != "" {
			c.args = append(c.args, "--config", "FILE")
		}
		_, mistakes := configure(t, c.args, c.env, c.file)
		if len(mistakes) != 1 || !strings.Contains(mistakes[0].Error(), c.want) {
			t.Errorf("%q %v %q: %q, want one mistake with %q", c.args, c.env, c.file, mistakes, c.want)
		}
	}
}

// TestAllMistakesAtOnce: a command line, an environment and a file with many
// mistakes are told all of them.
func TestAllMistakesAtOnce(t *testing.T) {
	args := []string{
		"--memroy", "4G", "--max-conns", "0", "now", "--weensy", "0.0.0.0:99999", "--cache=perhaps", "--tls-cert", "c.pem",
		"--config", "FILE", "--allow", "10.0.0.1", "--dir",
	}
	env := variables{"WEENSYDB_MEMORY": "5x", "WEENSYDB_DURABILITY": "never"}
	file := "bogus = 1\nwrite-timeout = \"never\"\nthreads = -1\n"
	want := []string{
		"--memroy", "now", "--max-conns 0", "not \"99999\"", "say --insecure", "--cache perhaps", "--tls-cert", "--allow", "--dir: a value is missing",
		"WEENSYDB_MEMORY=5x", "WEENSYDB_DURABILITY=never", "FILE: bogus", "FILE: write-timeout = never", "FILE: threads = -1",
	}
	_, mistakes := configure(t, args, env, file)
	text := errors.Join(mistakes...).Error()
	for _, w := range want {
		if strings.Count(text, w) != 1 {
			t.Errorf("%q is not reported once", w)
		}
	}
	if len(mistakes) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%s", len(mistakes), len(want), text)
	}
}

// TestMistakesExit: the program prints them a line each and exits with 2.
func TestMistakesExit(t *testing.T) {
	t.Setenv("WEENSYDB_MEMORY", "5x")
	o := invoke(t, "", "serve", "--bogus", "--max-conns", "0")
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	if o.code != exitUsage || len(lines) != 3 {
		t.Errorf("exit code %d, want %d, and 3 lines:\n%s", o.code, exitUsage, o.stderr)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "weensydb: ") {
			t.Errorf("%q", line)
		}
	}
}

func TestMemoryDefaults(t *testing.T) {
	if usable := usableMemory(); usable <= 0 {
		t.Errorf("usable memory %d", usable)
	}
	for _, c := range []struct{ usable, want int64 }{{0, 512 << 20}, {4 << 30, 2 << 30}, {10 << 20, 16 << 20}} {
		if got := defaultMemory(c.usable); got != c.want {
			t.Errorf("of %d: %d, want %d", c.usable, got, c.want)
		}
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	if got := collectorLimit(4 << 30); got != 0 {
		t.Errorf("the operator's own limit is replaced by %d", got)
	}
}
