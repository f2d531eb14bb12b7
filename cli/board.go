package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A board is what the events of a run say together: what runs, what is left, why nothing moves.
// Its owner guards it.
type board struct {
	plan    *plan.Plan
	names   names
	phase   phase
	held    *store.LeaseError // while waiting for it
	away    error             // why the ledger does not answer
	again   time.Time         // until it is tried again, and this is so
	waits   map[string]int    // how many wait for an op, as far as that was asked since the last event
	since   time.Time         // of the phase
	began   time.Time         // of the run
	total   int64
	settled map[string]seq.State
	running []*work // in the order of starting
	undoing bool
	doings  []seq.OpStatus // while waiting: what the holder does
	lease   hold           // while waiting: whether the holder renews it
	same    map[string]int // how many ops of the plan have a name, without timestamps
	namedBy *plan.Plan     // that was counted
	bare    bool           // call operations by their names without timestamp, where these are unique
	serving bool           // having nothing to do is how it should be
}

type phase uint8

const (
	idle    phase = iota // nothing has been heard of
	waiting              // for the lease
	started
	over
)

// work is one op under way.
type work struct {
	id        string
	run       string
	beside    bool // in the background
	direction seq.Direction
	since     time.Time
	done      int64
	total     int64
	told      time.Time // when it first told how far it was
	first     int64     // and how far that was
	again     time.Time // it failed, and is tried again then
	err       error
	overdue   bool
}

func newBoard(plan *plan.Plan) *board {
	b := &board{plan: plan, settled: map[string]seq.State{}, waits: map[string]int{}}
	if plan != nil {
		b.total = int64(len(plan.Steps))
	}
	return b
}

// take takes in what happened.
func (b *board) take(e middleware.Event) {
	w := b.work(e.ID)
	b.away = nil
	if e.Kind != middleware.EventProgress {
		b.waits = map[string]int{}
	}
	switch e.Kind {
	case middleware.EventWaiting:
		if e.ID != "" { // an op that cannot begin says nothing of the ledger
			return
		}
		if errors.As(e.Err, &b.held) {
			b.enter(waiting, e.Time)
			if b.held.Held == nil {
				b.lease.see(b.held, e.Time)
			}
		} else {
			b.away, b.again = e.Err, e.Time.Add(e.Delay)
		}
	case middleware.EventLeaseAcquired:
		b.held, b.lease = nil, hold{}
		b.enter(idle, e.Time)
	case middleware.EventPlanned:
		if e.Plan != nil && e.Strategy != workStrategy {
			b.plan, b.total = e.Plan, int64(len(e.Plan.Steps))
		}
	case middleware.EventRunStarted:
		b.enter(started, e.Time)
		if e.Strategy == workStrategy { // there may be others beside it
			return
		}
		b.running = slices.DeleteFunc(b.running, func(w *work) bool { return !w.beside })
		b.held, b.began, b.undoing = nil, e.Time, false
		b.settled = map[string]seq.State{}
		if e.Total > 0 {
			b.total = e.Total
		}
	case middleware.EventRollbackStarted:
		b.undoing, b.settled = true, map[string]seq.State{}
		if e.Total > 0 {
			b.total = e.Total
		}
	case middleware.EventStarted:
		b.enter(started, e.Time)
		b.held = nil
		b.drop(e.ID)
		b.running = append(b.running, &work{id: e.ID, run: e.Run, beside: e.Strategy == workStrategy, direction: e.Direction, since: e.Time})
		b.undoing = b.undoing || e.Direction == seq.Rollback
	case middleware.EventProgress:
		if w == nil {
			return
		}
		if w.told.IsZero() {
			w.told, w.first = e.Time, e.Done
		}
		w.done, w.total, w.again = e.Done, e.Total, time.Time{}
	case middleware.EventRetrying:
		if w == nil {
			w = &work{id: e.ID, run: e.Run, beside: e.Strategy == workStrategy, direction: e.Direction, since: e.Time}
			b.running = append(b.running, w)
		}
		w.again, w.err = e.Time.Add(e.Delay), e.Err
	case middleware.EventOverdue:
		if w != nil {
			w.overdue = true
		}
	case middleware.EventSettled:
		b.drop(e.ID)
		b.settled[e.ID] = e.State
	case middleware.EventRunFinished:
		b.running = slices.DeleteFunc(b.running, func(w *work) bool { return w.run == e.Run || !w.beside && e.Strategy != workStrategy })
		if len(b.running) == 0 {
			b.enter(over, e.Time)
		}
	case middleware.EventLeaseLost, middleware.EventRecovered:
	}
}

// there takes in what the process does that this one waits for, and its lease as of now.
func (b *board) there(doings []seq.OpStatus, held *store.LeaseError) {
	b.doings = doings
	if held != nil {
		b.lease.see(held, wall.Now())
	}
}

func (b *board) enter(p phase, at time.Time) {
	if b.phase != p {
		b.phase, b.since = p, at
	}
}

func (b *board) work(id string) *work {
	for _, w := range b.running {
		if w.id == id {
			return w
		}
	}
	return nil
}

func (b *board) drop(id string) {
	b.running = slices.DeleteFunc(b.running, func(w *work) bool { return w.id == id })
}

// left is how many steps have not come to rest.
func (b *board) left() int64 { return max(0, b.total-int64(len(b.settled))) }

// waves are how many of the plan's waves are through, and how many there are.
func (b *board) waves() (now, all int) {
	if b.plan == nil || b.plan.Direction == seq.Rollback || len(b.plan.Steps) == 0 {
		return 0, 0
	}
	all = b.plan.Steps[len(b.plan.Steps)-1].Wave + 1
	now = all
	for i := range b.plan.Steps {
		if _, settled := b.settled[b.plan.Steps[i].ID]; !settled {
			now = min(now, b.plan.Steps[i].Wave+1)
		}
	}
	return now, all
}

// why says why nothing moves, as of now.
func (b *board) why(now time.Time) []string {
	if b.away != nil && now.Before(b.again) && !b.serving {
		return []string{"waiting for the ledger, which does not answer: " + brief(text(b.away))}
	}
	switch b.phase {
	case waiting:
		if b.held.Held != nil {
			return []string{fmt.Sprintf("waiting: %s; waited %s", brief(text(b.held)), span(now.Sub(b.since).Round(time.Second)))}
		}
		why := fmt.Sprintf("waiting for the lease, held by %s since %s%s; waited %s",
			brief(b.held.Holder.String()), stamp(b.held.Since), b.lease.dead(now), span(now.Sub(b.since).Round(time.Second)))
		list := []string{why}
		for i := range b.doings {
			o := &b.doings[i]
			line := "there: " + o.State.String() + " " + b.name(o.ID)
			if o.Done > 0 || o.Total > 0 {
				line += ", " + progressText(o.Done, o.Total)
			}
			list = append(list, line)
		}
		return list
	case idle:
		if b.serving {
			return nil
		}
		return []string{"reading the ledger"}
	case over:
		return b.scheduled(now)
	case started:
	}
	var list []string
	for _, w := range b.running {
		if o := b.doing(w); o != nil {
			list = append(list, fmt.Sprintf("%s %s for %s, %s", w.verb(), b.name(w.id), span(now.Sub(w.since).Round(100*time.Millisecond)), strings.Join(beside(o, now), ", ")))
			continue
		}
		list = append(list, strings.Join(b.parts(w, now), ", "))
	}
	if len(list) == 0 {
		list = b.scheduled(now)
	}
	if len(list) == 0 {
		list = append(list, "between operations, "+number(b.left(), "operation")+" left")
	}
	if dead := b.lease.dead(now); dead != "" { // who watches another run looks at its lease
		list = append(list, "the run is held by "+brief(b.lease.holder.String())+dead)
	}
	return list
}

// doing is what the ledger says of an op that this process works on in the background; nil if it was not read.
func (b *board) doing(w *work) *seq.OpStatus {
	for i := range b.doings {
		if o := &b.doings[i]; w.beside && o.ID == w.id && o.Worker != nil {
			return o
		}
	}
	return nil
}

// parts say how an op under way is doing, the most important first.
func (b *board) parts(w *work, now time.Time) []string {
	parts := w.parts(b.name(w.id), now)
	if n := b.behind(w.id); n == 1 {
		parts = append(parts, "1 waits for it")
	} else if n > 1 {
		parts = append(parts, fmt.Sprintf("%d wait for it", n))
	}
	return parts
}

// row is how an op under way is doing, in a line of a terminal. What does not fit is left out: how many
// wait for it, the bar, how fast it is, and last how far it is and how long it will take.
func (b *board) row(w *work, now time.Time, width int) string {
	parts := b.parts(w, now)
	alone := w.parts(b.name(w.id), now) // without those who wait for it
	slow := slices.DeleteFunc(slices.Clone(alone), func(part string) bool { return strings.HasSuffix(part, "/s") })
	bar := ""
	if w.total > 0 {
		bar = meter(w.done, w.total) + " "
	}
	for _, line := range []string{
		bar + strings.Join(parts, ", "), bar + strings.Join(alone, ", "), strings.Join(parts, ", "), strings.Join(alone, ", "),
	} {
		if line = "  " + line; runewidth.StringWidth(line) <= width {
			return line
		}
	}
	return fit("  "+strings.Join(slow, ", "), width)
}

// name is what an op is called on the screen.
func (b *board) name(id string) string {
	_, name, err := seq.ParseID(id)
	switch {
	case !b.bare:
		return b.names.of(id)
	case b.names[id] != "":
		return brief(b.names[id])
	case err != nil || name == "":
		return brief(id)
	}
	if b.namedBy != b.plan {
		b.namedBy, b.same = b.plan, map[string]int{}
		for i := range b.plan.Steps {
			_, name, _ := seq.ParseID(b.plan.Steps[i].ID)
			b.same[name]++
		}
	}
	if b.same[name] > 1 { // the timestamps tell them apart
		return brief(id)
	}
	return brief(name)
}

// behind is how many of what is left wait for an op, or for something that does.
func (b *board) behind(id string) (n int) {
	if b.plan == nil || b.undoing {
		return 0
	}
	if n, known := b.waits[id]; known { // the screen asks for each of its rows
		return n
	}
	defer func() { b.waits[id] = n }()
	waits := make([]bool, len(b.plan.Steps))
	for i := range b.plan.Steps {
		s := &b.plan.Steps[i]
		if _, settled := b.settled[s.ID]; settled {
			continue
		}
		if waits[i] = slices.ContainsFunc(s.After, func(j int) bool { return waits[j] }); waits[i] {
			n++
		}
		waits[i] = waits[i] || s.ID == id
	}
	return n
}

// stopping says what an interrupt does to what is under way; "" if nothing is.
func (b *board) stopping() string {
	does := "nothing more is started; what runs is asked to end"
	switch {
	case b.phase != started:
		return ""
	case b.undoing:
		does = "not yet; a rollback that has begun goes on to its end"
	}
	return fmt.Sprintf("%-16s %s", "stopping", does)
}

// scheduled says what the run waits for, if it does.
func (b *board) scheduled(now time.Time) []string {
	if b.plan == nil {
		return nil
	}
	var list []string
	for i := range b.plan.Steps {
		s := &b.plan.Steps[i]
		if b.settled[s.ID] == seq.Scheduled && s.NotBefore.After(now) {
			list = append(list, fmt.Sprintf("%s is scheduled for %s, in %s", b.name(s.ID), stamp(s.NotBefore), span(s.NotBefore.Sub(now))))
		}
	}
	return list
}

// verb is what an op does in a direction.
func (w *work) verb() string {
	if w.direction == seq.Rollback {
		return "undoing"
	}
	return "running"
}

// parts say how an op is doing.
func (w *work) parts(name string, now time.Time) []string {
	if wait := w.again.Sub(now); !w.again.IsZero() && wait > 0 {
		return []string{fmt.Sprintf("retrying %s in %s after: %s", name, span(wait.Round(time.Second)), brief(text(w.err)))}
	}
	parts := []string{fmt.Sprintf("%s %s for %s", w.verb(), name, span(now.Sub(w.since).Round(100*time.Millisecond)))}
	if w.overdue {
		parts = append(parts, "its context has ended and it does not return")
	}
	return append(parts, w.headway(now)...)
}

// headway is how far an op has come, how fast, and how long it will take at that pace.
func (w *work) headway(now time.Time) []string {
	if w.told.IsZero() {
		return nil
	}
	how := []string{progressText(w.done, w.total)}
	took := now.Sub(w.told).Seconds()
	pace := float64(w.done-w.first) / took
	if took < 1 || pace <= 0 {
		return how
	}
	how = append(how, rate(pace)+"/s")
	if w.total > w.done {
		how = append(how, span(time.Duration(float64(w.total-w.done)/pace*float64(time.Second)).Round(time.Second))+" left")
	}
	return how
}

// text is an error's own words.
func text(err error) string { return store.ErrorText(cause(err)) }
