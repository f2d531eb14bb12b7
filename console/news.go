package console

import (
	"fmt"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// News is what this process hears of its own runs and the ledger does not hold: that an op has
// failed and is about to be tried again, when, and after which error. The zero News is ready; give
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
	case middleware.EventStarted, middleware.EventSettled:
		delete(n.retries, key)
	}
}

// of is the latest failure of an op that is open.
func (n *News) of(o *seq.OpStatus) (retry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, known := n.retries[retryKey{o.Run, o.ID}]
	return r, known && o.State.Open()
}

// tell adds the news of an op to how the ledger has it.
func (r retry) tell(v *opView) {
	v.Alert = r.err
	if wait := r.at.Sub(v.Now); wait > 0 {
		v.looks = looks{"warn", "clock", "retrying"}
		v.Detail = fmt.Sprintf("in %s, try %d", span(wait.Truncate(time.Second)+time.Second), r.tries+1)
	} else {
		v.Detail += fmt.Sprintf(", try %d", r.tries+1)
	}
}
