package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sequencer-go/seq"
)

// most is how many lines the live view has for what runs, or keeps the run from moving.
const most = 10

// live shows a run on a terminal: what has come to rest scrolls by, and below it stand the run and
// what is under way. It appears with the first event, or when there is none for a second.
type live struct {
	out    io.Writer
	p      palette
	appear func() bool // prevents that it appears by itself

	mu     sync.Mutex // never held while the screen is waited for: the screen asks for lines
	b      *board
	starts map[string]time.Time

	lines  sync.Mutex
	screen *mpb.Progress
	rows   []*mpb.Bar // the run first
	closed bool
}

func newLive(out io.Writer, b *board) *live {
	l := &live{out: out, p: colours(out), b: b, starts: map[string]time.Time{}}
	l.appear = wall.AfterFunc(time.Second, func() { l.show("") })
	return l
}

func (l *live) event(e seq.Event) {
	l.mu.Lock()
	l.b.take(e)
	line := ""
	switch e.Kind {
	case seq.EventStarted:
		l.starts[e.ID] = e.Time
	case seq.EventWaiting: // is on the screen while it is so
	default:
		line = describe(e, l.p, l.starts)
	}
	l.mu.Unlock()
	l.show(line)
}

func (l *live) there(doings []string) {
	l.mu.Lock()
	l.b.doings = doings
	l.mu.Unlock()
	l.show("")
}

func (l *live) stopping() {
	l.mu.Lock()
	line := l.b.stopping()
	l.mu.Unlock()
	if line != "" {
		l.show(line)
	}
}

// show makes as many rows as there is to say, and lets a line scroll by above them.
func (l *live) show(line string) {
	l.lines.Lock()
	defer l.lines.Unlock()
	if l.closed {
		return
	}
	if l.screen == nil {
		l.appear()
		l.screen = mpb.New(mpb.WithOutput(l.out), mpb.WithAutoRefresh())
	}
	if line != "" {
		fmt.Fprintln(l.screen, line)
	}
	l.mu.Lock()
	want := 1 + min(most, len(l.b.why(wall.Now())))
	l.mu.Unlock()
	for len(l.rows) < want {
		row := len(l.rows)
		bar, err := l.screen.Add(1, mpb.BarFillerFunc(func(w io.Writer, st decor.Statistics) error {
			_, err := io.WriteString(w, l.row(row, st.AvailableWidth))
			return err
		}), mpb.BarPriority(row), mpb.BarRemoveOnComplete(), mpb.BarFillerTrim())
		if err != nil {
			return
		}
		l.rows = append(l.rows, bar)
	}
	for len(l.rows) > want {
		l.rows[len(l.rows)-1].Abort(true)
		l.rows = l.rows[:len(l.rows)-1]
	}
}

// row is one line of the live part, cut to the width.
func (l *live) row(n, width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := wall.Now()
	if n == 0 {
		return l.p.bold(fit(l.b.headline(now), width))
	}
	why := l.b.why(now)
	if n > len(why) {
		return ""
	}
	if n == most && len(why) > most {
		return l.p.dim(fit(fmt.Sprintf("  … and %d more", len(why)-most+1), width))
	}
	text := "  " + why[n-1]
	if n <= len(l.b.running) && l.b.phase == started {
		if w := l.b.running[n-1]; w.total > 0 {
			text = "  " + meter(w.done, w.total) + " " + why[n-1]
		}
	}
	return fit(text, width)
}

// close leaves what scrolled by, and takes the live part off the screen.
func (l *live) close() {
	l.appear()
	l.lines.Lock()
	defer l.lines.Unlock()
	l.closed = true
	if l.screen == nil {
		return
	}
	for _, row := range l.rows {
		row.Abort(true)
	}
	l.screen.Wait()
}

// headline is the run in one line: where it is, and what is left.
func (b *board) headline(now time.Time) string {
	name := "run"
	if b.plan != nil && b.plan.Strategy != "" {
		name = brief(b.plan.Strategy)
	}
	parts := []string{name}
	if b.undoing {
		parts = append(parts, "rolling back")
	} else if wave, of := b.waves(); of > 1 {
		parts = append(parts, fmt.Sprintf("wave %d of %d", wave, of))
	}
	parts = append(parts, fmt.Sprintf("%d of %d at rest", len(b.settled), b.total))
	bad := 0
	for _, s := range b.settled {
		if s == seq.Failed || s == seq.Indeterminate || s == seq.RollbackFailed {
			bad++
		}
	}
	if bad > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", bad))
	}
	if left := b.left() - len(b.running); left > 0 {
		parts = append(parts, fmt.Sprintf("%d to come", left))
	}
	if !b.began.IsZero() {
		took := now.Sub(b.began)
		parts = append(parts, span(took.Round(time.Second)))
		if done := len(b.settled); done > 0 && took >= time.Second && !b.undoing {
			parts = append(parts, fmt.Sprintf("%.3g operations/s", float64(done)/took.Seconds()))
		}
	}
	return strings.Join(parts, " · ")
}

// meter is a bar of text.
func meter(done, total int) string {
	const width = 20
	full := max(0, min(width, int(float64(done)/float64(total)*width)))
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// fit cuts a text to the width of a terminal.
func fit(text string, width int) string { return runewidth.Truncate(text, width, "…") }
