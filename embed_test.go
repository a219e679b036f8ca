package weensydb_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// goCommand runs the go command in a folder and returns what it prints.
func goCommand(t *testing.T, dir string, arguments ...string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the go command (Debian package golang-go) is not here")
	}
	cmd := exec.Command("go", arguments...)
	cmd.Dir = dir
	// Everything is here: a module that would have to be fetched is one too many.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// allowed is what a program that embeds the database depends on: packages of
// these modules, the standard library aside.
var allowed = []string{"weensydb", "golang.org/x/sys", "github.com/klauspost/compress"}

// checkDependencies looks at lines of "module package".
func checkDependencies(list string) (faults []string) {
	for line := range strings.Lines(list) {
		module, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && !slices.Contains(allowed, module) {
			faults = append(faults, fmt.Sprintf("embedding the database pulls in %s", name))
		}
	}
	return faults
}

func TestDependencies(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Setenv("GOOS", system)
		list := goCommand(t, ".", "list", "-deps", "-f", "{{if not .Standard}}{{.Module.Path}} {{.ImportPath}}{{end}}", ".")
		if !strings.Contains(list, "weensydb weensydb/store\n") {
			t.Errorf("the list lacks store: %q", list)
		}
		for _, fault := range checkDependencies(list) {
			t.Errorf("%s: %s", system, fault)
		}
	}
}

func TestDependenciesCatches(t *testing.T) {
	const sound = "weensydb weensydb/store\ngolang.org/x/sys golang.org/x/sys/unix\n\n"
	wantFault(t, checkDependencies(sound), "")
	wantFault(t, checkDependencies(sound+"golang.org/x/system golang.org/x/system\n"), "golang.org/x/system")
}

// TestExampleEmbed builds the example, a module of its own, and counts words with
// it. A memcached client looks on, and counts, too.
func TestExampleEmbed(t *testing.T) {
	program := filepath.Join(t.TempDir(), "embed")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	goCommand(t, "examples/embed", "vet", ".")
	goCommand(t, "examples/embed", "build", "-o", program, ".")
	cmd := exec.Command(program)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	timeout := time.AfterFunc(longWait, func() { cmd.Process.Kill() })
	defer timeout.Stop()

	out := bufio.NewReader(stdout)
	first, err := out.ReadString('\n')
	must(t, err)
	addr, ok := strings.CutPrefix(strings.TrimSpace(first), "memcached clients may ask ")
	if !ok {
		t.Fatalf("it begins with %q", first)
	}
	_, err = io.WriteString(stdin, "to be or not to be\n")
	must(t, err)
	client := dialLoopback(t, tcpAddr(addr))
	waitFor(t, func() bool { return askValue(t, client, "be") == "2" })
	converse(t, client, "incr be 5\r\n", "7\r\n")
	stdin.Close()
	rest, err := io.ReadAll(out)
	must(t, err)
	if want := "2 to\n7 be\n1 or\n1 not\n"; string(rest) != want {
		t.Errorf("it ends with %q, want %q", rest, want)
	}
}

// tcpAddr is a net.Addr of what a program printed.
type tcpAddr string

func (tcpAddr) Network() string  { return "tcp" }
func (a tcpAddr) String() string { return string(a) }

// askValue gets a value as a memcached client does; "" if there is none.
func askValue(t *testing.T, client io.ReadWriter, key string) string {
	t.Helper()
	_, err := fmt.Fprintf(client, "mg %s v\r\n", key)
	must(t, err)
	in := bufio.NewReaderSize(client, 1<<10)
	line, err := in.ReadString('\n')
	must(t, err)
	if !strings.HasPrefix(line, "VA ") {
		return ""
	}
	value, err := in.ReadString('\n')
	must(t, err)
	return strings.TrimSpace(value)
}
