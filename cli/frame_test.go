package cli

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
)

// TestADrawingShowsOneMoment asks for rows as the screen does, which nobody else can time: the rows of
// one drawing belong together, however long it takes, and the next one shows a new moment.
func TestADrawingShowsOneMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(io.Discard, newBoard(nil))
		defer l.close()
		for _, id := range []string{"2024_01_15_120000_a", "2024_01_15_120100_b"} {
			l.b.take(middleware.Event{Kind: middleware.EventStarted, ID: id, Direction: seq.Forward, Time: time.Now()})
		}
		l.appear() // nobody but this test asks for rows
		l.have = 3
		wait := func() { _ = clock.Sleep(t.Context(), wall, time.Second) }
		l.row(0, 120)
		wait()
		first := l.row(1, 120)
		wait()
		second := l.row(2, 120)
		if !strings.Contains(first, "a for 0s") || !strings.Contains(second, "b for 0s") {
			t.Errorf("one drawing shows two moments:\n%s\n%s", first, second)
		}
		if next := l.row(1, 120); !strings.Contains(next, "a for 2s") {
			t.Errorf("the next drawing shows the moment before: %s", next)
		}
	})
}
