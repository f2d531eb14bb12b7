package cli

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// A neighbour is the process that this one waits for: what it does is read from the ledger, so that
// whoever waits sees that it moves.
type neighbour struct {
	s    *seq.Sequencer
	tell func([]seq.OpStatus, *store.LeaseError)

	mu   sync.Mutex
	stop context.CancelFunc // nil while nobody is watched
	done chan struct{}
}

// look is how often it is looked at.
const look = 2 * time.Second

// event begins to watch when the run waits, and ends with the next thing that happens.
func (n *neighbour) event(ctx context.Context, e middleware.Event) {
	if e.Kind != middleware.EventWaiting || !errors.Is(e.Err, seq.ErrLeaseHeld) {
		n.close()
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop != nil {
		return
	}
	ctx, n.stop = context.WithCancel(ctx)
	n.done = make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		for {
			if st, err := n.s.Status(ctx); err == nil {
				n.tell(doings(st), st.Holder)
			}
			if clock.Sleep(ctx, wall, look) != nil {
				return
			}
		}
	}(n.done)
}

func (n *neighbour) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop == nil {
		return
	}
	n.stop()
	<-n.done
	n.stop = nil
	n.tell(nil, nil)
}

// doings are the ops that a run works on, going by the ledger.
func doings(st *seq.Status) []seq.OpStatus {
	var list []seq.OpStatus
	for i := range st.Ops {
		if st.Ops[i].State.Open() && !st.Ops[i].Background {
			list = append(list, st.Ops[i])
		}
	}
	return list
}
