package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// most is how many lines the live view, and a heartbeat, has for what runs, or keeps the run from moving.
const most = 10

// roomy is the width of a terminal from which on the timestamps of operations are shown.
const roomy = 100

// live shows a run on a terminal: what has come to rest scrolls by, and below it stand the run and
// what is under way. It appears with the first event, or when there is none for a second.
type live struct {
	out    io.Writer
	p      palette
	appear func() bool // prevents that it appears by itself

	mu     sync.Mutex // never held while the screen is waited for: the screen asks for lines
	b      *board
	starts map[string]time.Time
	width  int      // of the terminal, when it was last drawn
	have   int      // how many rows there are
	frame  []string // what all rows of one drawing show
	drawn  []bool   // which of them have been asked for

	lines  sync.Mutex
	screen *mpb.Progress
	rows   []*mpb.Bar // the run first
	closed bool
}

func newLive(out io.Writer, b *board) *live {
	l := &live{out: out, p: colours(out), b: b, starts: map[string]time.Time{}, width: columns(out)}
	b.bare = l.width < roomy
	l.appear = wall.AfterFunc(time.Second, func() { l.show("") })
	return l
}

// columns is the width of a terminal.
func columns(out io.Writer) int {
	if f, ok := out.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

func (l *live) event(e middleware.Event) {
	l.mu.Lock()
	l.b.take(e)
	line := ""
	switch e.Kind {
	case middleware.EventStarted: // has its row while it runs, and a line when it is over
		l.starts[e.ID] = e.Time
	case middleware.EventProgress: // the screen asks for it when it is drawn
		l.mu.Unlock()
		return
	case middleware.EventWaiting: // is on the screen while it is so
	default:
		line = describe(e, l.p, l.starts, l.b.name)
	}
	l.mu.Unlock()
	l.show(line)
}

func (l *live) there(doings []seq.OpStatus, held *store.LeaseError) {
	l.mu.Lock()
	l.b.there(doings, held)
	l.mu.Unlock()
	l.show("")
}

func (l *live) stopping() {
	l.mu.Lock()
	line := l.b.stopping()
	l.mu.Unlock()
	if line != "" {
		l.show("\r" + line) // the terminal may have shown ^C
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
	want := len(l.text())
	l.have = want
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

// row is one line of the live part. The screen asks for each row once a drawing, in goroutines of its
// own: the first that asks again begins the next drawing, and all rows of one show the same moment.
// When there are more or fewer than rows by now, because time has passed or the terminal has another
// width, it has that changed.
func (l *live) row(n, width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n >= len(l.drawn) || l.drawn[n] || l.width != width {
		l.width = width
		l.b.bare = width < roomy
		l.frame = l.text()
		l.drawn = make([]bool, max(n+1, l.have, len(l.frame)))
		if len(l.frame) != l.have {
			l.have = len(l.frame)
			go l.show("") // not here: the screen waits for this row
		}
	}
	l.drawn[n] = true
	if n >= len(l.frame) {
		return ""
	}
	return l.frame[n]
}

// text is the live part: the run, and below it what is under way, or keeps it from moving.
func (l *live) text() []string {
	now := wall.Now()
	var list []string
	for _, line := range wrap(l.b.headline(now), l.width) {
		list = append(list, l.p.bold(line))
	}
	most := most + len(list)
	why := l.b.why(now)
	for i, reason := range why {
		lines := wrap("  "+reason, l.width)
		if i < len(l.b.running) && l.b.phase == started && l.b.away == nil { // one line an operation
			lines = []string{l.b.row(l.b.running[i], now, l.width)}
		}
		more := len(why) - i - 1
		if len(list)+len(lines)+min(more, 1) > most {
			return append(list, l.p.dim(fit(fmt.Sprintf("  … and %d more", more+1), l.width)))
		}
		list = append(list, lines...)
	}
	return list
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
