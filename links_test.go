package weensydb_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence        = regexp.MustCompile("(?ms)^```.*?^```$")
	heading      = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// checkLinks follows the links of the documents within the repository, to files
// and to headings.
func checkLinks(tree fs.FS) []string {
	documents, err := fs.Glob(tree, "*.md")
	if err != nil {
		panic(err)
	}
	var faults []string
	for _, name := range documents {
		text := fence.ReplaceAllString(string(mustRead(tree, name)), "")
		for _, link := range markdownLink.FindAllStringSubmatch(text, -1) {
			file, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			if file == "" {
				file = name
			}
			if _, err := fs.Stat(tree, file); err != nil {
				faults = append(faults, fmt.Sprintf("%s: link to %s: no such file", name, link[1]))
			} else if anchor != "" && !anchors(string(mustRead(tree, file)))[anchor] {
				faults = append(faults, fmt.Sprintf("%s: link to %s: no such heading", name, link[1]))
			}
		}
	}
	return faults
}

// anchors are the names that a Markdown viewer gives the headings of a document.
func anchors(markdown string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(markdown, ""), -1) {
		name := notInAnchor.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}

func TestLinks(t *testing.T) {
	for _, fault := range checkLinks(repository) {
		t.Error(fault)
	}
}

func TestLinksCatches(t *testing.T) {
	const other = "# Other\n\n## One: two, three\n\n```\n# no heading\n```\n"
	for _, c := range []struct{ text, fault string }{
		{"[a](b.md) [b](b.md#one-two-three) [c](https://example.org/x#y)\n```\n[d](nothing.md)\n```\n", ""},
		{"# Here\n\n[a](#here)\n", ""},
		{"[a](nothing.md)", "no such file"},
		{"[a](b.md#two)", "no such heading"},
		{"[a](b.md#no-heading)", "no such heading"},
		{"# Here\n\n[a](#there)\n", "no such heading"},
	} {
		tree := fstest.MapFS{"a.md": {Data: []byte(c.text)}, "b.md": {Data: []byte(other)}}
		wantFault(t, checkLinks(tree), c.fault)
	}
}
