package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress draws a bar on a terminal, and nothing elsewhere.
type progress struct {
	out     io.Writer // nil where there is no terminal
	total   int
	started time.Time
	drawn   time.Time
	first   uint64
	begun   bool
}

// redraw is how often the bar is drawn.
const redraw = 100 * time.Millisecond

func newProgress(out io.Writer, total int) *progress {
	p := &progress{total: total, started: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = out
	}
	return p
}

// show says that done of all blocks were applied, the last one at a slot.
func (p *progress) show(done int, slot uint64) {
	if !p.begun {
		p.begun, p.first = true, slot
	}
	if p.out == nil || (time.Since(p.drawn) < redraw && done < p.total) {
		return
	}
	p.drawn = time.Now()
	fmt.Fprint(p.out, "\r\x1b[K", progressLine(done, p.total, slot, slot-p.first+1, time.Since(p.started)))
}

// progressLine is the text of the bar.
func progressLine(done, total int, slot, slots uint64, elapsed time.Duration) string {
	const width = 30
	filled := width * done / total
	eta := "unknown"
	if done > 0 {
		eta = (elapsed / time.Duration(done) * time.Duration(total-done)).Round(time.Second).String()
	}
	return fmt.Sprintf("[%s%s] slot %d, %.1f slots/s, ETA %s", strings.Repeat("#", filled), strings.Repeat(".", width-filled),
		slot, float64(slots)/max(elapsed.Seconds(), 1e-3), eta)
}

// clear takes the bar away.
func (p *progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
