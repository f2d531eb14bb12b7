package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// How long nothing is said before a line says why.
const (
	quiet = 10 * time.Second
	sleep = time.Minute // after it was said that the run waits for the schedule
)

// lines says each event in a line, and when nothing happens, why.
type lines struct {
	mu     sync.Mutex
	out    io.Writer
	p      palette
	b      *board
	stop   func() bool // the next heartbeat
	beat   int         // which heartbeat is the next one
	closed bool
	starts map[string]time.Time
}

func newLines(out io.Writer, b *board) *lines {
	l := &lines{out: out, p: colours(out), b: b, starts: map[string]time.Time{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest(quiet)
	return l
}

func (l *lines) event(e middleware.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.take(e)
	if line := describe(e, l.p, l.starts, l.b.name); line != "" && !l.closed {
		fmt.Fprintln(l.out, line)
		l.rest(quiet)
	}
}

// rest sets the heartbeat anew.
func (l *lines) rest(pause time.Duration) {
	if l.stop != nil {
		l.stop()
	}
	l.beat++
	beat := l.beat
	l.stop = wall.AfterFunc(pause, func() { l.heartbeat(beat) })
}

func (l *lines) heartbeat(beat int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || beat != l.beat {
		return
	}
	now := wall.Now()
	list := l.b.why(now)
	if more := len(list) - most + 1; more > 1 {
		list = append(list[:most-1], fmt.Sprintf("and %d more", more))
	}
	for _, why := range list {
		fmt.Fprintf(l.out, "…                %s\n", why)
	}
	if len(l.b.running) == 0 && len(l.b.scheduled(now)) > 0 {
		l.rest(sleep)
	} else {
		l.rest(quiet)
	}
}

func (l *lines) there(doings []seq.OpStatus, held *store.LeaseError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.there(doings, held)
}

func (l *lines) stopping() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if line := l.b.stopping(); line != "" && !l.closed {
		fmt.Fprintln(l.out, line)
	}
}

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.stop()
}

// describe is an event as a line for people; "" for what is not worth one. It keeps in starts when
// ops began, and calls them by name.
func describe(e middleware.Event, p palette, starts map[string]time.Time, name func(id string) string) string {
	line := func(what, id, note string) string {
		out := fmt.Sprintf("%-16s %s", what, id)
		if note != "" {
			out += "  " + p.dim(note)
		}
		return out
	}
	switch e.Kind {
	case middleware.EventWaiting:
		if e.ID != "" {
			return line("waiting", name(e.ID), brief(text(e.Err)))
		}
		if e.Delay > 0 {
			return line("waiting", "for the ledger, tried again in "+span(e.Delay), brief(text(e.Err)))
		}
		return line("waiting", "for the lease", brief(text(e.Err)))
	case middleware.EventRunStarted:
		parts := []string{brief(e.Strategy)}
		if e.Total > 0 { // a rollback tells later
			parts = append(parts, number(e.Total, "operation"))
		}
		if e.Run != "" {
			parts = append(parts, "run "+brief(e.Run))
		}
		return line("run", strings.Join(parts, ", "), "")
	case middleware.EventRollbackStarted:
		return line("rolling back", number(e.Total, "operation"), brief(text(e.Err)))
	case middleware.EventStarted:
		starts[e.ID] = e.Time
		verb := "running"
		if e.Direction == seq.Rollback {
			verb = "undoing"
		}
		note := ""
		if e.Attempt > 1 && e.Direction == seq.Forward {
			note = fmt.Sprintf("attempt %d", e.Attempt)
		}
		return line(verb, name(e.ID), note)
	case middleware.EventRetrying:
		return line("retrying", name(e.ID), fmt.Sprintf("in %s after: %s", span(e.Delay), brief(text(e.Err))))
	case middleware.EventOverdue:
		return line("overdue", name(e.ID), "its context has ended and it does not return")
	case middleware.EventRecovered:
		return line("recovered", name(e.ID), fmt.Sprintf("its process died; it is %s now", e.State))
	case middleware.EventLeaseLost:
		return p.red(line("lease lost", "", brief(text(e.Err))))
	case middleware.EventSettled:
		out := p.state(e.State, 16) + " " + name(e.ID)
		if note := remark(e, starts[e.ID]); note != "" {
			out += "  " + p.dim(note)
		}
		return out
	case middleware.EventRunFinished:
		if e.Strategy == workStrategy && e.RunState != seq.RunSucceeded { // no report tells
			return line("suspended", "run "+brief(e.Run), strings.ReplaceAll(e.RunState.String(), "-", " "))
		}
	case middleware.EventProgress, middleware.EventLeaseAcquired, middleware.EventPlanned, middleware.EventNothingToDo:
	}
	return "" // the heartbeat has progress, the report what came of it
}

// remark is what is worth saying of an op that came to rest.
func remark(e middleware.Event, began time.Time) string {
	switch {
	case e.Err != nil:
		return brief(text(e.Err))
	case e.Reason != "":
		return brief(e.Reason)
	case began.IsZero():
		return ""
	default:
		return "in " + span(e.Time.Sub(began))
	}
}
