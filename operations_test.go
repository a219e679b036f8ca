package weensydb_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weensydb"
)

// TestOperationsFlags: OPERATIONS.md has a row for each flag of serve, with its
// default, and for none that serve does not have.
func TestOperationsFlags(t *testing.T) {
	help := runProgram(t, "serve", "--help")
	for _, fault := range compareFlags(string(mustRead(repository, "OPERATIONS.md")), help) {
		t.Error(fault)
	}
}

// TestOperationsFile: the program has nothing to say against the settings file
// of OPERATIONS.md. A mistake in a flag keeps it from starting, and since all
// mistakes are reported at once, it must be the only one.
func TestOperationsFile(t *testing.T) {
	blocks := blocksOf(string(mustRead(repository, "OPERATIONS.md")))
	i := slices.IndexFunc(blocks, func(b block) bool { return b.lang == "toml" })
	if i < 0 {
		t.Fatal("OPERATIONS.md shows no file")
	}
	file := filepath.Join(t.TempDir(), "weensydb.toml")
	for _, broken := range []bool{false, true} {
		content := strings.Join(blocks[i].lines, "\n")
		want := 1
		if broken {
			content += "\nno-such-setting = 1"
			want = 2
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		output := runProgram(t, "serve", "--config", file, "--threads", "none")
		if n := strings.Count(output, "weensydb: "); n != want || !strings.Contains(output, "--threads none") {
			t.Errorf("%d mistakes, want %d: %s", n, want, output)
		}
	}
}

// runProgram returns what the program prints.
func runProgram(t *testing.T, args ...string) string {
	output, err := exec.Command("go", append([]string{"run", "./cmd/weensydb"}, args...)...).CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(output)
}

// TestOperationsStatistics: OPERATIONS.md names each statistic, and none that
// stats does not show.
func TestOperationsStatistics(t *testing.T) {
	db, err := weensydb.Open(weensydb.Config{Memcache: []string{"127.0.0.1:0"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := net.DialTimeout("tcp", db.MemcacheAddr(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, "stats\r\nquit\r\n"); err != nil {
		t.Fatal(err)
	}
	reply, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range compareStatistics(string(mustRead(repository, "OPERATIONS.md")), string(reply)) {
		t.Error(fault)
	}
}

// section returns the part of a Markdown document below a heading.
func section(document, heading string) string {
	_, rest, _ := strings.Cut(document, "\n## "+heading+"\n")
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// firstColumn returns the code words in the first column of the tables of text,
// each with its row.
func firstColumn(text string) map[string]string {
	rows := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell := strings.Split(line, " | ")[0]
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			rows[strings.Fields(code[1])[0]] = line
		}
	}
	return rows
}

var (
	flagOfHelp    = regexp.MustCompile(`(?m)^ +(?:-\w, )?--(?:\[no-\])?([a-z-]+)`)
	defaultOfHelp = regexp.MustCompile(`Default: (.*?)\.(?: |$)`)
)

func compareFlags(operations, help string) []string {
	rows := firstColumn(section(operations, "Settings"))
	var faults []string
	entries := flagOfHelp.FindAllStringSubmatchIndex(help, -1)
	for i, at := range entries {
		flag, end := "--"+help[at[2]:at[3]], len(help)
		if i+1 < len(entries) {
			end = entries[i+1][0]
		}
		row, ok := rows[flag]
		delete(rows, flag)
		if flag == "--help" || flag == "--version" {
			continue
		}
		if !ok {
			faults = append(faults, "OPERATIONS.md does not explain "+flag)
			continue
		}
		found := defaultOfHelp.FindStringSubmatch(strings.Join(strings.Fields(help[at[0]:end]), " "))
		if found != nil && !strings.Contains(row, found[1]) {
			faults = append(faults, fmt.Sprintf("OPERATIONS.md does not give %s's default, %s", flag, found[1]))
		}
	}
	for flag := range rows {
		faults = append(faults, "serve has no "+flag)
	}
	slices.Sort(faults)
	return faults
}

func compareStatistics(operations, reply string) []string {
	rows := firstColumn(section(operations, "Statistics"))
	var faults []string
	for _, line := range strings.Split(reply, "\r\n") {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "STAT" {
			if _, ok := rows[words[1]]; !ok {
				faults = append(faults, "OPERATIONS.md does not explain "+words[1])
			}
			delete(rows, words[1])
		}
	}
	for name := range rows {
		faults = append(faults, "stats does not show "+name)
	}
	slices.Sort(faults)
	return faults
}

func TestOperationsCatches(t *testing.T) {
	const settings = "# O\n\n## Settings\n\n| flag | default |\n|---|---|\n| `--memory SIZE` | `512MiB` |\n| `--a F` `--b F` | none |\n\n## Next\n\n| `--not-a-flag` |\n"
	const help = "Flags:\n  -h, --help    Help.\n  --memory=SIZE    Bound. Default:\n                   512MiB. [$X]\n  --a=F   A.\n  --[no-]b   B.\n"
	wantFault(t, compareFlags(settings, help), "")
	wantFault(t, compareFlags(settings, help+"  --c=F   C.\n"), "does not explain --c")
	wantFault(t, compareFlags(settings, strings.Replace(help, "512MiB", "1GiB", 1)), "--memory's default, 1GiB")
	wantFault(t, compareFlags(settings, strings.Replace(help, "  --a=F", "  a", 1)), "serve has no --a")

	const statistics = "# O\n\n## Statistics\n\n| `pid` `uptime` | of the process |\n"
	wantFault(t, compareStatistics(statistics, "STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n"), "")
	wantFault(t, compareStatistics(statistics, "STAT pid 1\r\nSTAT uptime 2\r\nSTAT new 3\r\nEND\r\n"), "does not explain new")
	wantFault(t, compareStatistics(statistics, "STAT pid 1\r\nEND\r\n"), "does not show uptime")
}
