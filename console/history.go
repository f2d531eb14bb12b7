package console

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// version tells whether the history of an op has changed: a claim raises the number, an outcome
// changes the state.
type version struct {
	attempt, crashes int
	state            seq.State
}

func versionOf(o *seq.OpStatus) version { return version{o.Attempt, o.Crashes, o.State} }

// histories keeps the attempts of ops for as long as the ops have not moved.
type histories struct {
	mu    sync.Mutex
	byOp  map[string]keptHistory
	total int
}

type keptHistory struct {
	version  version
	at       time.Time
	attempts []store.Attempt // the oldest first
	limit    int             // how many were asked for
}

func (h *histories) get(o *seq.OpStatus, limit int, now time.Time) ([]store.Attempt, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, known := h.byOp[o.ID]
	enough := k.limit >= limit || len(k.attempts) < k.limit
	return k.attempts[max(len(k.attempts)-limit, 0):], known && enough && k.version == versionOf(o) && now.Sub(k.at) < keptFor
}

func (h *histories) put(o *seq.OpStatus, limit int, now time.Time, attempts []store.Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byOp == nil || h.total+len(attempts) > attemptsKept {
		h.byOp, h.total = map[string]keptHistory{}, 0
	}
	h.total += len(attempts) - len(h.byOp[o.ID].attempts)
	h.byOp[o.ID] = keptHistory{versionOf(o), now, attempts, limit}
}

// history is what was tried at an op: the latest attempts, of these the oldest first.
func (c *console) history(ctx context.Context, o *seq.OpStatus, limit int) ([]store.Attempt, error) {
	if o.Attempt == 0 {
		return nil, nil
	}
	now := c.clock.Now()
	if kept, known := c.histories.get(o, limit, now); known {
		return kept, nil
	}
	attempts, err := c.seq.Store().History(ctx, o.ID, store.Page{Limit: limit})
	if err != nil {
		return nil, err
	}
	slices.Reverse(attempts) // the store has the newest first
	c.histories.put(o, limit, now, attempts)
	return attempts, nil
}

// lastTook is how long the last finished attempt of each op took, by ID; with a direction, the last in
// that one. It leaves out those for
// which there was no time: a list is worth more than its durations.
func (c *console) lastTook(ctx context.Context, ops []*seq.OpStatus, only ...store.Direction) map[string]time.Duration {
	select {
	case c.tookTurn <- struct{}{}:
	default:
		return nil // the ledger has not answered several who asked before
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tookFor)
	defer cancel()
	took, err := shared(ctx, func(ctx context.Context) (map[string]time.Duration, error) {
		defer func() { <-c.tookTurn }()
		return c.readTook(ctx, ops, only)
	})
	if err != nil {
		return nil
	}
	return took
}

// readTook reads what [console.lastTook] tells. If the ledger fails on the way, it is what was read so
// far.
func (c *console) readTook(ctx context.Context, ops []*seq.OpStatus, only []store.Direction) (map[string]time.Duration, error) {
	took := make(map[string]time.Duration, len(ops))
	for _, o := range ops {
		history, err := c.history(ctx, o, attemptsOfList)
		if err != nil {
			return took, nil //nolint:nilerr // what was read is worth showing
		}
		if d, known := tookOf(history, only...); known {
			took[o.ID] = d
		}
	}
	return took, nil
}

// tookOf is how long the last finished attempt of a history took.
func tookOf(history []store.Attempt, only ...store.Direction) (time.Duration, bool) {
	for i := range slices.Backward(history) {
		a := &history[i]
		if !a.Finished.IsZero() && a.Direction != store.ByHand && (len(only) == 0 || slices.Contains(only, a.Direction)) {
			return a.Finished.Sub(a.Started), true
		}
	}
	return 0, false
}
