package weensydb_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"weensydb"
)

// TestProtocolExamples plays the examples of PROTOCOL.md, each on an empty
// database.
func TestProtocolExamples(t *testing.T) {
	examples := 0
	for _, b := range blocksOf(string(mustRead(repository, "PROTOCOL.md"))) {
		if b.lang == "" {
			continue
		}
		examples++
		t.Run(fmt.Sprint("line ", b.line), func(t *testing.T) {
			db, err := weensydb.Open(weensydb.Config{Weensy: []string{"127.0.0.1:0"}, Memcache: []string{"127.0.0.1:0"}, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			p := &player{
				ports:   map[string]string{"6162": portOf(t, db.WeensyAddr()), "11211": portOf(t, db.MemcacheAddr())},
				timeout: 30 * time.Second,
			}
			if err := p.play(b); err != nil {
				t.Errorf("PROTOCOL.md %v", err)
			}
		})
	}
	if examples == 0 {
		t.Error("PROTOCOL.md has no examples")
	}
}

func portOf(t *testing.T, addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestProtocolErrors: every error line that the code has stands in PROTOCOL.md.
func TestProtocolErrors(t *testing.T) {
	var lines []string
	for _, name := range goFiles(repository) {
		if dir := path.Dir(name); (dir == "wire" || dir == "server") && !strings.HasSuffix(name, "_test.go") {
			lines = append(lines, errorLines(mustRead(repository, name))...)
		}
	}
	if len(lines) < 20 {
		t.Fatalf("found no more error lines in the code than %q", lines)
	}
	for _, fault := range missingLines(string(mustRead(repository, "PROTOCOL.md")), lines) {
		t.Error(fault)
	}
}

func TestProtocolErrorsCatches(t *testing.T) {
	lines := errorLines([]byte("package wire\n\nconst (\n\tA = \"ERROR\"\n\tB = \"CLIENT_ERROR b\"\n\tC = \"c\"\n)\n"))
	wantFault(t, missingLines("`ERROR` and `CLIENT_ERROR b`", lines), "")
	wantFault(t, missingLines("`ERROR` and `CLIENT_ERROR bc`", lines), "CLIENT_ERROR b")
}

var errorLine = regexp.MustCompile(`^(ERROR$|(ERROR|CLIENT_ERROR|SERVER_ERROR:?) .|MEMLIMIT_)`)

// errorLines lists the string literals of a Go file that are error lines.
func errorLines(source []byte) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		panic(err)
	}
	var lines []string
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			line, err := strconv.Unquote(literal.Value)
			if err != nil {
				panic(err)
			}
			if errorLine.MatchString(line) {
				lines = append(lines, line)
			}
		}
		return true
	})
	return lines
}

func missingLines(document string, lines []string) []string {
	var faults []string
	for _, line := range lines {
		if !strings.Contains(document, "`"+line+"`") {
			faults = append(faults, fmt.Sprintf("PROTOCOL.md does not explain %q", line))
		}
	}
	return faults
}
