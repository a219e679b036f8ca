package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBashCompletion presses the key, so to speak: it calls the function that
// the script registers, as bash does.
func TestBashCompletion(t *testing.T) {
	bash := needBash(t)
	dir := t.TempDir()
	completion := filepath.Join(dir, "completion")
	if err := os.WriteFile(completion, []byte(invoke(t, "", "completion", "bash").stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	const driver = `set -eu
source "$1"; shift
function=$(complete -p weensydb | sed 's/.*-F \([^ ]*\).*/\1/')
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"$function" weensydb "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
if [ ${#COMPREPLY[@]} -gt 0 ]; then printf '%s\n' "${COMPREPLY[@]}"; fi`
	for _, c := range []struct {
		line string // the word after the last blank is completed
		want []string
	}{
		{"s", []string{"serve", "set", "snapshot", "stats"}},
		{"--v", []string{"--version"}},
		{"stats s", []string{"settings", "slabs", "sizes"}},
		{"completion ", []string{"--help", "bash", "fish", "zsh"}},
		{"get --s", []string{"--server"}},
		{"get --server x --t", []string{"--timeout"}},
		{"serve --tls", []string{"--tls-cert", "--tls-client-ca", "--tls-key"}},
		{"serve --config sett", []string{"settings.toml"}},
		{"inspect d", []string{"data"}},
		{"restore sett", []string{"settings.toml"}},
		{"restore settings.toml d", []string{"data"}},
		{"import --from", []string{"--from-memcached"}},
		{"inspect --", []string{"--help", "--records"}},
		{"bogus", nil},
	} {
		cmd := exec.Command(bash, append([]string{"-c", driver, "bash", completion, "weensydb"}, strings.Split(c.line, " ")...)...)
		cmd.Dir = dir
		output, err := cmd.CombinedOutput()
		got := strings.Fields(string(output))
		slices.Sort(got)
		if slices.Sort(c.want); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q %v, want %q", c.line, got, err, c.want)
		}
	}
}

func needBash(t *testing.T) (path string) {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("bash is missing (Debian package bash)")
	} else if err != nil {
		t.Skip("bash is missing (Debian package bash)")
	}
	return path
}

// TestCompletionScripts: each script knows every command and every flag.
func TestCompletionScripts(t *testing.T) {
	var out strings.Builder
	k := newProgramParser(new(program), newSession(nil, &out, &out))
	for shell, flag := range map[string]string{"bash": "--", "zsh": "--", "fish": "-l "} {
		script := invoke(t, "", "completion", shell).stdout
		for _, command := range k.Model.Children {
			if !strings.Contains(script, command.Name) {
				t.Errorf("%s: %s is missing", shell, command.Name)
			}
			for _, f := range command.Flags {
				if !strings.Contains(script, flag+f.Name) {
					t.Errorf("%s: %s%s of %s is missing", shell, flag, f.Name, command.Name)
				}
			}
		}
	}
}
