package console

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// News is what this process hears of its own runs and the ledger does not hold: that an op has
// failed and is about to be tried again, when, and after which error; and what ops log to
// their [seq.Logger]. The zero News is ready; give
// the same one to the sequencer and to its console:
//
//	var news console.News
//	deploy := seq.New(store, ops...).Use(news.Middleware())
//	page := console.Handler(deploy, console.Hear(&news))
//
// Runs that are started from a page are heard of without.
type News struct {
	mu      sync.Mutex
	retries map[retryKey]retry
	heard   map[string]*heard // of each of the latest runs
	runs    []string          // of heard, the oldest first
	run     string            // the latest that began
	steps   int               // how many it plans
}

const (
	newsRuns     = 8   // whose retries are kept
	newsTries    = 200 // of one attempt
	newsAttempts = 10_000
	newsLines    = 20_000 // of one run
)

// heard is what was heard of one run.
type heard struct {
	tried map[attemptKey][]time.Time // when an attempt failed and went on
	lines map[attemptKey][]string    // what an attempt logged
	kept  int                        // lines of all
}

type attemptKey struct {
	op     string
	number int
}

// Hear makes the console tell the news.
func Hear(n *News) Option { return func(c *console) { c.news, c.heard = n, true } }

// Middleware listens to the events of a sequencer.
func (n *News) Middleware() middleware.Middleware {
	return middleware.Middleware{Name: "console", Watch: n.watch}
}

type retryKey struct{ run, op string }

// retry is the latest failure of an attempt that goes on.
type retry struct {
	at    time.Time // of the next try
	tries int       // so far
	err   string
}

func (n *News) watch(e middleware.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch key := (retryKey{e.Run, e.ID}); e.Kind {
	case middleware.EventRetrying:
		if n.retries == nil {
			n.retries = map[retryKey]retry{}
		}
		n.retries[key] = retry{e.Time.Add(e.Delay), n.retries[key].tries + 1, store.ErrorText(e.Err)}
		n.keep(&e)
	case middleware.EventRunStarted:
		if e.Strategy == workStrategy {
			return
		}
		n.run, n.steps = e.Run, int(e.Total)
	case middleware.EventSettled:
		n.log(&e)
		delete(n.retries, key)
	case middleware.EventStarted:
		delete(n.retries, key)
	}
}

// of is what was heard of a run, which makes room for it. The caller holds the lock.
func (n *News) of(run string) *heard {
	if h := n.heard[run]; h != nil {
		return h
	}
	if n.heard == nil {
		n.heard = map[string]*heard{}
	}
	if len(n.runs) == newsRuns {
		delete(n.heard, n.runs[0])
		n.runs = n.runs[1:]
	}
	n.runs = append(n.runs, run)
	h := &heard{tried: map[attemptKey][]time.Time{}, lines: map[attemptKey][]string{}}
	n.heard[run] = h
	return h
}

// keep keeps when an attempt was tried again.
func (n *News) keep(e *middleware.Event) {
	tried, key := n.of(e.Run).tried, attemptKey{e.ID, e.Attempt}
	if len(tried[key]) < newsTries && (len(tried) < newsAttempts || tried[key] != nil) {
		tried[key] = append(tried[key], e.Time)
	}
}

// log keeps what an attempt logged.
func (n *News) log(e *middleware.Event) {
	if len(e.Log) == 0 {
		return
	}
	run := n.of(e.Run)
	if len(run.lines) < newsAttempts && run.kept+len(e.Log) <= newsLines {
		run.lines[attemptKey{e.ID, e.Attempt}] = e.Log
		run.kept += len(e.Log)
	}
}

// logged is what an attempt logged, as far as this process heard.
func (n *News) logged(a *store.Attempt) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.heard[a.Run]; h != nil {
		return h.lines[attemptKey{a.ID, a.Number}]
	}
	return nil
}

// total is how many ops a run planned to do, 0 if this process did not hear.
func (n *News) total(run string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if run != n.run {
		return 0
	}
	return n.steps
}

// ticks are the times at which an attempt failed and was tried again, as far as this process heard.
func (n *News) ticks(a *store.Attempt) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.heard[a.Run]; h != nil {
		return slices.Clone(h.tried[attemptKey{a.ID, a.Number}])
	}
	return nil
}

// retry is the latest failure of an op that is open.
func (n *News) retry(o *seq.OpStatus) (retry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, known := n.retries[retryKey{o.Run, o.ID}]
	return r, known && o.State.Open()
}

// tell adds the news of an op to how the ledger has it.
func (r retry) tell(v *opView) {
	v.Alert = r.err
	if wait := r.at.Sub(v.Now); wait > 0 {
		v.looks = retrying
		v.Detail = fmt.Sprintf("in %s, try %d", span(wait.Truncate(time.Second)+time.Second), r.tries+1)
	} else {
		v.Detail += fmt.Sprintf(", try %d", r.tries+1)
	}
}
