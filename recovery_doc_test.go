package weensydb_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestOperationsRecovery: OPERATIONS.md explains everything that the log says to
// an operator: its log lines, its errors, and every reason of a damage.
func TestOperationsRecovery(t *testing.T) {
	doc := string(mustRead(repository, "OPERATIONS.md"))
	n := 0
	for _, file := range goFiles(repository) {
		if strings.HasSuffix(file, "_test.go") || !strings.HasPrefix(file, "stable/") && file != "log.go" && file != "snapshots.go" && file != "store/replay.go" {
			continue
		}
		for _, message := range messagesIn(t, file) {
			n++
			if !explains(doc, message) {
				t.Errorf("OPERATIONS.md does not explain %q (%s)", message, file)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d messages were found", n)
	}
}

// messagesIn lists the texts of a file that are for an operator.
func messagesIn(t *testing.T, file string) (messages []string) {
	source, err := parser.ParseFile(token.NewFileSet(), file, mustRead(repository, file), 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(source, func(n ast.Node) bool {
		var args []ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.Ident:
				if f.Name == "damaged" {
					args = n.Args
				}
			case *ast.SelectorExpr:
				if name := f.Sel.Name; name == "damage" || name == "Warn" || name == "Info" || name == "Error" {
					args = n.Args
				}
			}
		case *ast.CompositeLit:
			if name, ok := n.Type.(*ast.Ident); ok && (name.Name == "DamageError" || name.Name == "blockError") {
				args = n.Elts
			}
		}
		if message := firstText(args); message != "" {
			messages = append(messages, message)
		}
		return true
	})
	return messages
}

// firstText returns the first of args that is a text, or a Sprintf of one.
func firstText(args []ast.Expr) string {
	for _, a := range args {
		if call, ok := a.(*ast.CallExpr); ok && len(call.Args) > 0 {
			a = call.Args[0]
		}
		if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, _ := strconv.Unquote(lit.Value)
			return text
		}
	}
	return ""
}

// explains reports whether doc has the message, with anything of one word in the
// place of its verbs.
func explains(doc, message string) bool {
	pattern := regexp.MustCompile(`%[dsv]`).ReplaceAllString(regexp.QuoteMeta(message), `\w+`)
	return regexp.MustCompile("`[^`]*" + pattern + "[^`]*`").MatchString(doc)
}

func TestOperationsRecoveryCatches(t *testing.T) {
	const doc = "| `the file has N bytes` | cut |"
	for message, want := range map[string]bool{"the file has %d bytes": true, "the file has %d": true, "the file is gone": false, "cut": false} {
		if explains(doc, message) != want {
			t.Errorf("explains(%q) is not %v", message, want)
		}
	}
}
