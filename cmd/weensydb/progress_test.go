package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestProgress: what takes long is told, as a bar on a terminal and as few lines
// elsewhere; what does not is not.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name  string
		bars  bool
		since time.Duration // the beginning
		want  string
		lines int
	}{
		{"short", false, 0, "", 0},
		{"short on a terminal", true, 0, "", 0},
		{"long", false, 2 * progressPatience, "read=50MiB of=100MiB", 1},
		{"long on a terminal", true, 2 * progressPatience, "50%", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			p := newProgress("recovering", &out, slog.New(slog.NewTextHandler(&out, nil)))
			p.bars = c.bars
			p.began, p.told = p.began.Add(-c.since), p.told.Add(-c.since)
			p.show(50<<20, 100<<20)
			p.show(51<<20, 100<<20)
			p.end()
			if got := out.String(); !strings.Contains(got, c.want) || strings.Count(got, "\n") != c.lines || c.want == "" && got != "" {
				t.Errorf("got %q, want %q in %d lines", got, c.want, c.lines)
			}
		})
	}
}

// TestProgressWithoutEnd: how much there will be is not always known.
func TestProgressWithoutEnd(t *testing.T) {
	var out strings.Builder
	p := newProgress("listing", &out, slog.New(slog.DiscardHandler))
	p.bars, p.items = true, true
	p.began = p.began.Add(-2 * progressPatience)
	for done := range int64(200) {
		p.show(done, -1)
	}
	p.end()
	if !strings.Contains(out.String(), "listing") {
		t.Errorf("%q", &out)
	}
}
