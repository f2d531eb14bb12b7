package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// look asks the ledger what became of the orders that are out, until ctx ends: of those that news name as soon
// as there are news, and of all of them now and then, because news may be lost, and none tell of the dead.
func (d *dispatch) look(ctx context.Context) {
	pause := firstPoll          // before all of them are looked at again, where there are no news
	var due, attended time.Time // when they are, and when they were attended to last
	for ctx.Err() == nil {
		now := ledger.Wall.Now()
		named, sent := d.takeNews()
		if sent {
			pause = firstPoll
			due = earlier(due, now.Add(d.between(pause)))
		}
		ids, all := named, !now.Before(due)
		if all {
			ids = d.waiting()
		}
		switch {
		case len(ids) > 0:
		case all: // none is out
			d.rest(ctx, 0)
			continue
		default:
			d.rest(ctx, due.Sub(now))
			continue
		}
		entries, err := d.walk.session.Select(ctx, ids)
		pause = min(pause*3/2, lastPoll)
		if err == nil && d.take(entries) {
			pause = firstPoll
		}
		if all && err == nil && now.Sub(attended) >= livesEvery {
			attended = now
			d.attend(ctx, entries)
		}
		took := ledger.Wall.Now().Sub(now)
		if all {
			due = now.Add(max(d.between(pause), 3*took))
		}
		_ = clock.Sleep(ctx, ledger.Wall, took) // it asks for half of the time, at most
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// between is how long it takes until all are looked at again: where there are news, until it is time to see who
// lives.
func (d *dispatch) between(pause time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard {
		return livesEvery
	}
	return pause
}

// rest waits until pause is over, 0 for ever, or there are news.
func (d *dispatch) rest(ctx context.Context, pause time.Duration) {
	if pause > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer ledger.Wall.AfterFunc(pause, cancel)()
	}
	select {
	case <-d.wake:
	case <-ctx.Done():
	}
}

// waiting are the ops whose orders are out.
func (d *dispatch) waiting() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]string, 0, len(d.out))
	for id, e := range d.out {
		if !e.sent.IsZero() {
			ids = append(ids, id)
		}
	}
	return ids
}

// take ends the waits that are over. It reports whether anything has happened.
func (d *dispatch) take(entries []store.Entry) (news bool) {
	type beginning struct {
		e       *sentOrder
		attempt int
	}
	var begun []beginning
	d.mu.Lock()
	for i := range entries {
		entry := &entries[i]
		e := d.out[entry.ID]
		switch {
		case e == nil || entry.Attempt <= e.order.Attempt:
		case entry.Token.IsZero():
			e.entry = *entry
			delete(d.out, entry.ID)
			close(e.done)
			news = true
		case !e.begun:
			e.begun, e.at, news = true, time.Time{}, true
			begun = append(begun, beginning{e, entry.Attempt})
		}
	}
	d.mu.Unlock()
	for _, b := range begun {
		d.started(b.e, b.attempt)
	}
	return news
}

// attend looks after orders that are late: it closes the attempts of workers that died, sends again what was
// lost, and says what nobody does.
func (d *dispatch) attend(ctx context.Context, entries []store.Entry) {
	living, err := d.walk.session.Living(ctx)
	if err != nil {
		return
	}
	for i := range entries {
		if e := &entries[i]; e.State.Open() && e.Life != "" {
			if _, lives := living[e.Life]; !lives {
				d.closeLost(ctx, e)
			}
		}
	}
	d.sayUndone(somebodyLives(living, d.walk.session.Lease().TTL))
	d.resend(ctx)
}

// somebodyLives reports whether a life was renewed lately.
func somebodyLives(living map[string]store.LeaseError, ttl time.Duration) bool {
	for name, l := range living {
		if strings.HasPrefix(name, store.LifePrefix) && l.Expires > ttl/2 {
			return true
		}
	}
	return false
}

// closeLost closes the attempt of a worker that died. A worker that was stopped may keep the row for long, so
// nothing else waits for it.
func (d *dispatch) closeLost(ctx context.Context, entry *store.Entry) {
	d.mu.Lock()
	e := d.out[entry.ID]
	if e == nil || e.closing {
		d.mu.Unlock()
		return
	}
	e.closing = true
	d.mu.Unlock()
	dead := *entry
	d.closing.Go(func() {
		_, _ = d.walk.session.CloseLost(ctx, &dead) // if it fails, the next look tries again
		d.mu.Lock()
		e.closing = false
		d.mu.Unlock()
		d.lookAt(dead.ID)
	})
}

// sayUndone tells the watchers of orders that nobody can do, once for each reason.
func (d *dispatch) sayUndone(somebodyLives bool) {
	type notice struct{ id, why string }
	var notices []notice
	now := ledger.Wall.Now()
	d.mu.Lock()
	for _, e := range d.out {
		if e.begun || e.sent.IsZero() {
			continue
		}
		if len(e.refused) == 0 {
			switch {
			case somebodyLives:
				e.at = time.Time{}
				continue
			case now.Sub(e.since) < noWorkerAfter:
				continue
			case e.at.IsZero():
				e.at = now
			}
		}
		if why := e.why(); why != e.told {
			e.told = why
			notices = append(notices, notice{e.order.ID, why})
		}
		if patience := cmp.Or(d.via.Patience, DefaultPatience); now.Sub(e.at) >= patience {
			e.err = fmt.Errorf("%w in %s: %s", ErrNoWorker, patience, e.why())
			delete(d.out, e.order.ID)
			close(e.done)
		}
	}
	d.mu.Unlock()
	slices.SortFunc(notices, func(a, b notice) int { return strings.Compare(a.id, b.id) })
	for _, n := range notices {
		d.walk.announce(middleware.Event{Kind: middleware.EventNoWorker, ID: n.id, Err: fmt.Errorf("%w: %w", ErrNoWorker, errors.New(n.why))})
	}
}

// resend has those orders looked for that were sent long ago and not begun.
func (d *dispatch) resend(ctx context.Context) {
	after := cmp.Or(d.via.Resend, DefaultResend)
	now := ledger.Wall.Now()
	var late []*sentOrder
	d.mu.Lock()
	for _, e := range d.out {
		if !e.begun && !e.sent.IsZero() && now.Sub(e.sent) >= after {
			e.sent, e.order.Again = now, true
			late = append(late, e)
		}
	}
	d.mu.Unlock()
	if len(late) > 0 {
		_ = d.via.Carrier.Resend(ctx, ordersOf(late), min(after, taken)) // if it fails, the next time is not far
	}
}
