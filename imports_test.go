package weensydb_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// why maps an import path to the reason for it.
type why map[string]string

// A room is a folder of Go files, and what it may import. The standard library
// goes without saying, but for what never names.
type room struct {
	imports why // by the code
	tests   why // by the test files, beyond what the code imports and the room itself
	never   why // standard packages that would break what the room promises
}

// rooms is the table of who may import whom. Imports run downwards only. An
// import that is missing here fails, and so does an entry that nothing uses.
var rooms = map[string]room{
	"cmd/weensydb": {
		imports: why{
			"weensydb":                                       "serve opens a database",
			"weensydb/stable":                                "inspect reads a directory; which of its errors serve can explain",
			"weensydb/store":                                 "inspect shows what the records say; which of its errors serve can explain",
			"weensydb/wire":                                  "the other commands speak to one",
			"github.com/alecthomas/kong":                     "flags, environment, help",
			"github.com/BurntSushi/toml":                     "the file of --config",
			"github.com/docker/go-units":                     "sizes such as 512MiB",
			"github.com/reeflective/readline":                "the prompt of cli",
			"github.com/schollz/progressbar/v3":              "how far a recovery is",
			"github.com/KimMachineGun/automemlimit/memlimit": "the memory that a control group leaves the process",
		},
		tests: why{
			"weensydb/sim":                      "a disk that loses what was not synced",
			"github.com/hanwen/go-fuse/v2/fs":   "shows that disk to the program as a directory",
			"github.com/hanwen/go-fuse/v2/fuse": "how it is mounted",
		},
	},
	".": {
		imports: why{
			"weensydb/lockcheck": "the lock that Close waits for",
			"weensydb/server":    "sessions on the listeners",
			"weensydb/stable":    "the log",
			"weensydb/store":     "the Table that they share",
			"weensydb/wire":      "which dialect a listener speaks, and which keys it can carry",
		},
		tests: why{
			"weensydb/sim": "a disk that loses what was not synced",
		},
	},
	"examples/embed": { // a module of its own
		imports: why{"weensydb": "it embeds the database"},
	},
	"server": {
		imports: why{
			"weensydb/lockcheck": "its lock, and that none is held at a socket call",
			"weensydb/wire":      "bytes to requests, results to bytes",
			"weensydb/store":     "what a request asks of the Table",
		},
		tests: why{
			"weensydb":                                "system tests open the whole database",
			"github.com/anishathalye/porcupine":       "checks histories for linearizability",
			"github.com/bradfitz/gomemcache/memcache": "a client that people use",
			"go.uber.org/goleak":                      "no goroutine stays behind",
		},
	},
	"bench/durable": { // a module of its own
		imports: why{
			"github.com/HdrHistogram/hdrhistogram-go": "latencies of every operation, in little memory",
			"github.com/hanwen/go-fuse/v2/fs":         "the disk whose syncs are slow",
			"github.com/hanwen/go-fuse/v2/fuse":       "how it is mounted",
			"golang.org/x/sys/unix":                   "epoll for the generator, and what the standard library does not ask of a disk",
		},
	},
	"crash": {
		tests: why{
			"weensydb":                          "the server that is killed",
			"github.com/anishathalye/porcupine": "checks histories for linearizability",
		},
	},
	"bench/hitratio": {}, // a module of its own
	"store": {
		imports: why{
			"weensydb/lockcheck":    "locks that have an order",
			"golang.org/x/sys/unix": "memory that the collector does not know",
		},
		tests: why{
			"github.com/anishathalye/porcupine": "checks histories for linearizability",
			"pgregory.net/rapid":                "the model test shrinks what it finds",
		},
		never: why{
			"net":          "a Table knows no socket",
			"os":           "a Table knows no file",
			"math/rand/v2": "no randomness decides anything",
		},
	},
	"stable": {
		imports: why{
			"weensydb/lockcheck":               "its lock, and that none is held at a file call",
			"github.com/klauspost/compress/s2": "the blocks of a snapshot are shorter, at hundreds of MB a second",
		},
		tests: why{
			"weensydb/sim": "a disk that loses what was not synced",
		},
		never: why{
			"net": "a log knows no socket",
		},
	},
	"sim": {
		never: why{
			"net": "nothing leaves the world",
			"os":  "nothing leaves the world",
		},
	},
	"lockcheck": {
		never: why{
			"net": "locks only",
			"os":  "locks only",
		},
	},
	"wire": {
		never: why{
			"net":  "bytes in, bytes out: no I/O",
			"os":   "bytes in, bytes out: no I/O",
			"time": "no clock",
			"sync": "no state to share",
		},
	},
}

// checkImports compares every Go file below tree, whatever its build
// constraints, with table.
func checkImports(tree fs.FS, table map[string]room) []string {
	var faults []string
	used := map[string]bool{} // "room import" and "room import (test)" pairs seen
	for _, name := range goFiles(tree) {
		dir := path.Dir(name)
		isTest := strings.HasSuffix(name, "_test.go")
		r, ok := table[dir]
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: the table has no room %q", name, dir))
			continue
		}
		for _, imported := range importsOf(tree, name) {
			switch _, byCode := r.imports[imported]; {
			case !isTest && r.never[imported] != "":
				faults = append(faults, fmt.Sprintf("%s: imports %s, but %s", name, imported, r.never[imported]))
			case isStandard(imported):
			case byCode && isTest, isTest && imported == importPath(dir):
			case byCode:
				used[dir+" "+imported] = true
			case isTest && r.tests[imported] != "":
				used[dir+" "+imported+" (test)"] = true
			default:
				faults = append(faults, fmt.Sprintf("%s: imports %s, which the table does not allow", name, imported))
			}
		}
	}
	for dir, r := range table {
		for imported := range r.imports {
			if !used[dir+" "+imported] {
				faults = append(faults, fmt.Sprintf("%s: the table allows %s, which it does not import", dir, imported))
			}
		}
		for imported := range r.tests {
			if !used[dir+" "+imported+" (test)"] {
				faults = append(faults, fmt.Sprintf("%s: the table allows its tests %s, which they do not import", dir, imported))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

func importsOf(tree fs.FS, name string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), name, mustRead(tree, name), parser.ImportsOnly)
	if err != nil {
		panic(err)
	}
	var paths []string
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err)
		}
		paths = append(paths, p)
	}
	return paths
}

func importPath(dir string) string { return path.Join("weensydb", dir) }

// isStandard holds for paths without a dot in their first element, the rule
// that the go command itself keeps, but for this module's own.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return first != "weensydb" && !strings.Contains(first, ".")
}

func TestImports(t *testing.T) {
	for _, fault := range checkImports(repository, rooms) {
		t.Error(fault)
	}
}

func TestImportsCatches(t *testing.T) {
	table := map[string]room{
		"high": {imports: why{"weensydb/low": "to stand on"}, tests: why{"example.org/check": "to check with"}},
		"low":  {never: why{"net": "it knows no socket"}},
	}
	sound := map[string]string{
		"high/a.go":      `package high; import "fmt"; import "weensydb/low"`,
		"high/a_test.go": `package high_test; import "weensydb/high"; import "example.org/check"`,
		"low/b.go":       `package low; import "sort"`,
		"low/b_test.go":  `package low; import "net"`,
	}
	for _, c := range []struct{ name, file, source, fault string }{
		{"sound", "", "", ""},
		{"upwards", "low/c.go", `package low; import "weensydb/high"`, "does not allow"},
		{"a library nobody decided on", "low/c.go", `package low; import "github.com/x/y"`, "does not allow"},
		{"behind a build constraint", "low/c.go", "//go:build plan9\n\npackage low; import \"weensydb/high\"", "does not allow"},
		{"a test's library in the code", "high/c.go", `package high; import "example.org/check"`, "does not allow"},
		{"banned", "low/c.go", `package low; import "net"`, "it knows no socket"},
		{"a new room", "utils/c.go", `package utils`, "no room"},
		{"an entry that nothing uses", "high/a.go", `package high`, "which it does not import"},
		{"a test entry that nothing uses", "high/a_test.go", `package high`, "which they do not import"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, source := range sound {
				tree[name] = &fstest.MapFile{Data: []byte(source)}
			}
			if c.file != "" {
				tree[c.file] = &fstest.MapFile{Data: []byte(c.source)}
			}
			wantFault(t, checkImports(tree, table), c.fault)
		})
	}
}
