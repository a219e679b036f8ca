package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/docker/go-units"
	"github.com/schollz/progressbar/v3"
)

// progress tells how far something is, such as the reading of the log: as a bar on a
// terminal, as lines elsewhere. What takes no time is not told.
type progress struct {
	doing string // "recovering"
	items bool   // they are counted, not bytes
	out   io.Writer
	bars  bool // there is a terminal to draw on
	log   *slog.Logger
	bar   *progressbar.ProgressBar
	began time.Time
	told  time.Time
}

const (
	progressPatience = time.Second      // before anything is said
	progressPause    = 10 * time.Second // between two lines
)

func newProgress(doing string, out io.Writer, log *slog.Logger) *progress {
	now := time.Now()
	return &progress{doing: doing, out: out, bars: isTerminal(out), log: log, began: now, told: now.Add(progressPatience - progressPause)}
}

// show tells that done bytes of total have been read. A total of -1 is not known.
func (p *progress) show(done, total int64) {
	now := time.Now()
	switch {
	case now.Sub(p.began) < progressPatience:
	case p.bars:
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.out),
				progressbar.OptionSetDescription(p.doing), progressbar.OptionShowBytes(!p.items), progressbar.OptionClearOnFinish())
		}
		if total >= 0 {
			p.bar.ChangeMax64(total)
		}
		p.bar.Set64(done)
	case now.Sub(p.told) >= progressPause:
		p.told = now
		p.log.Info(p.doing, "read", units.BytesSize(float64(done)), "of", units.BytesSize(float64(total)))
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
