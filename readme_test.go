package weensydb_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// goTest is the test command. The README and .ci/run give the same; run by
// itself, it would not end.
const goTest = "go test ./..."

// TestReadme does what the README tells its reader to do, from the first
// command to the last, and compares what is printed.
func TestReadme(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the README's commands are a POSIX shell's")
	}
	bin, dir := t.TempDir(), t.TempDir()
	p := &player{
		ports: map[string]string{"6162": "", "11211": ""},
		env: []string{
			"GOBIN=" + bin,
			"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
			"WEENSYDB_WEENSY=127.0.0.1:0",
			"WEENSYDB_MEMCACHE=127.0.0.1:0",
			"WEENSYDB_DIR=" + dir,
		},
		dir:     dir,
		timeout: 30 * time.Second,
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("the server's end: %v", err)
		}
	})
	blocks := blocksOf(string(mustRead(repository, "README.md")))
	if !slices.ContainsFunc(blocks, func(b block) bool { return slices.Equal(b.lines, []string{"$ " + goTest}) }) {
		t.Errorf("no block is just %s", goTest)
	}
	for _, b := range blocks {
		if b.lang == "" || b.lang == "go" || slices.Equal(b.lines, []string{"$ " + goTest}) {
			continue // a drawing; a part of an example, see below; or what runs this test
		}
		if err := p.play(b); err != nil {
			t.Fatalf("README.md %v", err)
		}
		if p.server != nil {
			// From here on the commands find the server where the README's do.
			p.env = append(p.env, "WEENSYDB_SERVER="+p.translate("127.0.0.1:6162"))
		}
	}
	if p.server == nil {
		t.Error("README.md starts no server")
	}
}

// TestReadmeGo: what the README shows of Go is in example_test.go, which is
// compiled and run.
func TestReadmeGo(t *testing.T) {
	n := 0
	for _, b := range blocksOf(string(mustRead(repository, "README.md"))) {
		if b.lang != "go" {
			continue
		}
		n++
		for _, fault := range checkExcerpt(b, string(mustRead(repository, "example_test.go"))) {
			t.Errorf("README.md %s", fault)
		}
	}
	if n == 0 {
		t.Error("README.md shows no Go")
	}
}

// checkExcerpt looks for the lines of b in source, in their order, whatever the
// indentation. "..." stands for any lines. An assignment may be the head of an
// if statement.
func checkExcerpt(b block, source string) (faults []string) {
	rest := strings.Split(source, "\n")
	anywhere := true
	for i, want := range b.lines {
		if want == "..." {
			anywhere = true
			continue
		}
		at := slices.IndexFunc(rest, func(line string) bool {
			line = strings.TrimSpace(line)
			return line == want || line == "if "+strings.Replace(want, " = ", " := ", 1)+"; err != nil {"
		})
		if at < 0 || at > 0 && !anywhere {
			return []string{fmt.Sprintf("line %d: example_test.go does not go on with %s", b.line+i, want)}
		}
		rest, anywhere = rest[at+1:], false
	}
	return nil
}

func TestReadmeGoCatches(t *testing.T) {
	const source = "\ta, err := f()\n\tcheck(err)\n\tif err := g(); err != nil {\n\t}\n\tb()\n"
	for _, c := range []struct{ lines, fault string }{
		{"a, err := f()\ncheck(err)\nerr = g()\n...\nb()", ""},
		{"a, err := h()", "does not go on with a, err := h()"},
		{"a, err := f()\nerr = g()", "line 2: example_test.go does not go on with err = g()"},
		{"b()\n...\ncheck(err)", "line 3: example_test.go does not go on with check(err)"},
	} {
		wantFault(t, checkExcerpt(block{lang: "go", line: 1, lines: strings.Split(c.lines, "\n")}, source), c.fault)
	}
}

// TestReadmeTestCommand: .ci/run runs the tests as the README says.
func TestReadmeTestCommand(t *testing.T) {
	if script := string(mustRead(repository, ".ci/run")); !strings.Contains(script, " "+goTest+"\n") {
		t.Errorf(".ci/run does not call %s", goTest)
	}
}

// TestTranscriptsCatch plays blocks that go otherwise than they are written, and
// their sound neighbours.
func TestTranscriptsCatch(t *testing.T) {
	addr := echoServer(t)
	for _, c := range []struct{ name, markdown, fault string }{
		{"output", "```console\n$ printf 'a\\nb\\n'\na\nb\n```", ""},
		{"two commands", "```console\n$ echo a\na\n$ echo b\nb\n```", ""},
		{"a pipe", "```console\n$ echo a | cat\na\n```", ""},
		{"anything within a line", "```console\n$ echo took 5 ms\ntook ... ms\n```", ""},
		{"any lines", "```console\n$ printf 'a\\nb\\nc\\n'\na\n...\nc\n```", ""},
		{"any lines to the end", "```console\n$ printf 'a\\nb\\nc\\n'\na\n...\n```", ""},
		{"other output", "```console\n$ echo a\nb\n```", `got "a", want "b"`},
		{"missing output", "```console\n$ echo a\na\nb\n```", `want "b"`},
		{"more output", "```console\n$ printf 'a\\nb\\n'\na\n```", `got "b\n" more`},
		{"an error", "```console\n$ echo a >&2; false\n```", `got "a\n" more`},
		{"the second command", "```console\n$ echo a\na\n$ echo b\na\n```", `got "b", want "a"`},
		{"anything, but not that", "```console\n$ echo took 5 s\ntook ... ms\n```", `want "took ... ms"`},
		{"no command", "```console\na\n```", "starts with a command"},
		{"an unknown fence", "```sh\n$ echo a\n```", "no such block"},

		{"answers", "```telnet\n$ telnet 127.0.0.1 7\n> a\na\n> b\nb\n```", ""},
		{"another answer", "```telnet\n$ telnet 127.0.0.1 7\n> a\nb\n```", `got "a", want "b"`},
		{"a missing answer", "```telnet\n$ telnet 127.0.0.1 7\n> a\na\n> quit\nb\n```", `want "b"`},
		{"an answer more", "```telnet\n$ telnet 127.0.0.1 7\n> a\n```", `got "a\r\n" more`},
		{"another program", "```telnet\n$ nc 127.0.0.1 7\n```", "want $ telnet HOST PORT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(c.markdown, "console") {
				t.Skip("the command is a POSIX shell's")
			}
			p := &player{ports: map[string]string{"7": addr}, timeout: 10 * time.Second}
			var faults []string
			for _, b := range blocksOf(c.markdown) {
				if err := p.play(b); err != nil {
					faults = append(faults, err.Error())
				}
			}
			wantFault(t, faults, c.fault)
		})
	}
}

// TestPorts: what a server says about its ports is learnt, and stands in place
// of the defaults afterwards.
func TestPorts(t *testing.T) {
	p := &player{ports: map[string]string{"6162": "", "11211": ""}}
	for _, c := range []struct {
		want, got string
		matches   bool
	}{
		{"on 127.0.0.1:6162", "on 127.0.0.1:", false},
		{"on 127.0.0.1:6162", "on 127.0.0.1:40001", true},
		{"on 127.0.0.1:6162", "on 127.0.0.1:6162", false},
		{"on 127.0.0.1:6162 and 127.0.0.1:11211", "on 127.0.0.1:40001 and 127.0.0.1:40002", true},
		{"on 127.0.0.1:11211", "on 127.0.0.1:40001", false},
	} {
		if got := p.matches(c.want, c.got); got != c.matches {
			t.Errorf("matches(%q, %q) = %v", c.want, c.got, got)
		}
	}
	if got, want := p.translate("a 127.0.0.1:11211"), "a 127.0.0.1:40002"; got != want {
		t.Errorf("translate: %q, want %q", got, want)
	}
}

// echoServer answers each line with itself until one says quit, and gives its
// port.
func echoServer(t *testing.T) (port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			lines := bufio.NewScanner(conn)
			for lines.Scan() && lines.Text() != "quit" {
				conn.Write([]byte(lines.Text() + "\r\n"))
			}
			conn.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}
