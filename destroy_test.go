package weensydb_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDestroy does what OPERATIONS.md tells its reader to do to lose a server's
// directory and to get it back, and compares what is printed.
func TestDestroy(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are a POSIX shell's")
	}
	blocks := blocksOf(section(string(mustRead(repository, "OPERATIONS.md")), "Destroy it and get it back"))
	if len(blocks) == 0 {
		t.Fatal("OPERATIONS.md has no such section")
	}
	bin, dir := t.TempDir(), t.TempDir()
	if output, err := exec.Command("go", "build", "-o", bin, "./cmd/weensydb").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	data := filepath.Join(dir, "data")
	p := &player{
		ports: map[string]string{"6162": "", "11211": ""},
		env: []string{
			"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
			"WEENSYDB_WEENSY=127.0.0.1:0",
			"WEENSYDB_MEMCACHE=127.0.0.1:0",
			"WEENSYDB_DIR=" + data,
		},
		dir:     data,
		timeout: 30 * time.Second,
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("the server's end: %v", err)
		}
	})
	restored := false
	for _, b := range blocks {
		if err := p.play(b); err != nil {
			t.Fatalf("OPERATIONS.md, in its section, %v", err)
		}
		if p.server != nil {
			p.env = append(p.env, "WEENSYDB_SERVER="+p.translate("127.0.0.1:6162"))
		}
		restored = restored || strings.Contains(strings.Join(b.lines, "\n"), "weensydb restore")
	}
	if !restored {
		t.Error("nothing is restored")
	}
}
