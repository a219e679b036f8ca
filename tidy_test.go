package weensydb_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// repository is the tree that the rules of this file are checked against.
var repository = os.DirFS(".")

// A rule looks at one Go file and says what is wrong with it.
type rule struct {
	name  string
	check func(name string, source []byte) []string
}

var rules = []rule{
	{"length", checkLength},
	{"gofmt", checkFormat},
	{"package name", checkPackageName},
	{"unfinished", checkFinished},
	{"doc comments", checkDocs},
}

const (
	maxLines       = 500 // of a Go file: it holds one concept
	maxReadmeLines = 150
)

func checkLength(_ string, source []byte) []string {
	if n := bytes.Count(source, []byte("\n")); n > maxLines {
		return []string{fmt.Sprintf("%d lines, more than %d: is it one concept?", n, maxLines)}
	}
	return nil
}

func checkFormat(_ string, source []byte) []string {
	formatted, err := format.Source(source)
	if err != nil {
		return []string{err.Error()}
	}
	if !bytes.Equal(formatted, source) {
		return []string{"gofmt would change it"}
	}
	return nil
}

// checkPackageName refuses the names that say nothing of what is inside.
func checkPackageName(name string, source []byte) []string {
	empty := []string{"utils", "util", "common", "helpers", "helper", "pkg", "misc", "internal"}
	var faults []string
	names := strings.Split(path.Dir(name), "/")
	if file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.PackageClauseOnly); err == nil {
		names = append(names, strings.TrimSuffix(file.Name.Name, "_test"))
	}
	for _, n := range names {
		if slices.Contains(empty, n) {
			faults = append(faults, fmt.Sprintf("%q does not say what the package is for", n))
		}
	}
	return faults
}

// unfinished are the marks of work left for later; split, lest this file be
// found to carry them.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)

func checkFinished(_ string, source []byte) []string {
	if mark := unfinished.Find(source); mark != nil {
		return []string{fmt.Sprintf("it says %s: do it, or open an issue", mark)}
	}
	return nil
}

// checkDocs asks a comment of each exported name, except in a program or a
// test. One comment over a group of constants or variables serves them all.
func checkDocs(name string, source []byte) []string {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
	if err != nil {
		return []string{err.Error()}
	}
	if file.Name.Name == "main" || strings.HasSuffix(name, "_test.go") {
		return nil
	}
	var faults []string
	want := func(id *ast.Ident, docs ...*ast.CommentGroup) {
		documented := slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return d.Text() != "" })
		if id.IsExported() && !documented {
			faults = append(faults, fmt.Sprintf("%s has no doc comment", id.Name))
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if isExportedMethod(d) {
				want(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					want(s.Name, s.Doc, d.Doc)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						want(id, s.Doc, s.Comment, d.Doc)
					}
				}
			}
		}
	}
	return faults
}

// isExportedMethod holds for functions and for methods of exported types, but
// for those of errors, whose meaning package errors gives.
func isExportedMethod(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	if d.Name.Name == "Error" || d.Name.Name == "Unwrap" {
		return false
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}

// checkPackageDocs asks one package comment of each folder.
func checkPackageDocs(tree fs.FS) []string {
	comments := map[string]int{}
	for _, name := range goFiles(tree) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		dir := path.Dir(name)
		file, err := parser.ParseFile(token.NewFileSet(), name, mustRead(tree, name), parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			return []string{err.Error()}
		}
		comments[dir] += 0
		if file.Doc.Text() != "" {
			comments[dir]++
		}
	}
	var faults []string
	for dir, n := range comments {
		if n != 1 {
			faults = append(faults, fmt.Sprintf("%s: %d package comments, not one", dir, n))
		}
	}
	slices.Sort(faults)
	return faults
}

func checkRule(tree fs.FS, r rule) []string {
	var faults []string
	for _, name := range goFiles(tree) {
		for _, fault := range r.check(name, mustRead(tree, name)) {
			faults = append(faults, name+": "+fault)
		}
	}
	return faults
}

// goFiles lists the Go files of tree, but for those in hidden folders and
// testdata.
func goFiles(tree fs.FS) []string {
	var names []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && name != "."):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") && !entry.IsDir():
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return names
}

func mustRead(tree fs.FS, name string) []byte {
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		panic(err)
	}
	return content
}

func TestTidy(t *testing.T) {
	if len(goFiles(repository)) == 0 {
		t.Fatal("no Go files found")
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, fault := range checkRule(repository, r) {
				t.Error(fault)
			}
		})
	}
	t.Run("package comments", func(t *testing.T) {
		for _, fault := range checkPackageDocs(repository) {
			t.Error(fault)
		}
	})
	t.Run("README", func(t *testing.T) {
		if n := bytes.Count(mustRead(repository, "README.md"), []byte("\n")); n > maxReadmeLines {
			t.Errorf("README.md has %d lines, more than %d", n, maxReadmeLines)
		}
	})
}

// TestTidyCatches feeds every rule a file that breaks it and the nearest one
// that does not.
func TestTidyCatches(t *testing.T) {
	long := "package a\n" + strings.Repeat("// line\n", maxLines-1)
	for _, c := range []struct{ rule, file, source, fault string }{
		{"length", "a/a.go", long, ""},
		{"length", "a/a.go", long + "// one more\n", "501 lines"},
		{"gofmt", "a/a.go", "package a\n", ""},
		{"gofmt", "a/a.go", "package a\nvar  x int\n", "gofmt would change"},
		{"gofmt", "a/a.go", "package\n", "expected"},
		{"package name", "store/a.go", "package store\n", ""},
		{"package name", "utils/a.go", "package text\n", `"utils"`},
		{"package name", "a/helpers/b/a.go", "package b\n", `"helpers"`},
		{"package name", "a/a_test.go", "package common_test\n", `"common"`},
		{"unfinished", "a/a.go", "package a // TO" + "DOS is a word\n", ""},
		{"unfinished", "a/a.go", "package a // TO" + "DO: later\n", "do it"},
		{"unfinished", "a/a_test.go", "package a // X" + "XX\n", "do it"},
		{"doc comments", "a/a.go", "package a\n\n// F does.\nfunc F() {}\n", ""},
		{"doc comments", "a/a.go", "package a\n\nfunc f() {}\n\ntype t int\n\nfunc (t) M() {}\n", ""},
		{"doc comments", "a/a.go", "package a\n\n// E is.\ntype E int\n\nfunc (E) Error() string { return \"\" }\n", ""},
		{"doc comments", "a/a_test.go", "package a\n\nfunc TestF() {}\n", ""},
		{"doc comments", "a/a.go", "package main\n\nfunc F() {}\n", ""},
		{"doc comments", "a/a.go", "package a\n\n// Both.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""},
		{"doc comments", "a/a.go", "package a\n\nfunc F() {}\n", "F has no"},
		{"doc comments", "a/a.go", "package a\n\n// T is.\ntype T[K any] int\n\nfunc (*T[K]) M() {}\n", "M has no"},
		{"doc comments", "a/a.go", "package a\n\ntype T int\n", "T has no"},
		{"doc comments", "a/a.go", "package a\n\nconst (\n\tA = 1 // one\n\tB = 2\n)\n", "B has no"},
		{"doc comments", "a/a.go", "package a\n\n//go:noinline\nfunc F() {}\n", "F has no"},
	} {
		r := rules[slices.IndexFunc(rules, func(r rule) bool { return r.name == c.rule })]
		tree := fstest.MapFS{c.file: {Data: []byte(c.source)}}
		t.Run(c.rule, func(t *testing.T) { wantFault(t, checkRule(tree, r), c.fault) })
	}
	t.Run("package comments", func(t *testing.T) {
		one := &fstest.MapFile{Data: []byte("// Package a is.\npackage a\n")}
		none := &fstest.MapFile{Data: []byte("package a\n")}
		wantFault(t, checkPackageDocs(fstest.MapFS{"a/a.go": one, "a/b.go": none, "a/testdata/x.go": none}), "")
		wantFault(t, checkPackageDocs(fstest.MapFS{"a/a.go": none}), "0 package comments")
		wantFault(t, checkPackageDocs(fstest.MapFS{"a/a.go": one, "a/b.go": one}), "2 package comments")
	})
}

// wantFault wants one fault that contains want, or none if want is empty.
func wantFault(t *testing.T, faults []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(faults) > 0:
		t.Errorf("faults in a sound tree: %q", faults)
	case want != "" && (len(faults) != 1 || !strings.Contains(faults[0], want)):
		t.Errorf("faults %q, want one with %q", faults, want)
	}
}
