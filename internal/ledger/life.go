package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// ErrLifeOver means that a worker's life is over: it was not renewed in time, so that others may close what
// the worker had begun. It says nothing of the lease of the run, see [store.ErrLeaseLost].
var ErrLifeOver = errors.New("the life of this worker is over")

// OpenLife begins a life: it takes the lease of name, which nobody had before, and renews it until Close. It
// tolerates a ledger that does not answer for as long as ctx lasts. The session writes nothing by itself,
// see Join.
func OpenLife(ctx context.Context, st store.Store, name string, owner store.Owner, watch Watcher) (*Session, error) {
	held, lost := context.WithCancelCause(context.WithoutCancel(ctx))
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	s := &Session{Run: store.Run{Owner: owner}, store: st, watch: watch, opened: Wall.Now(), held: held, writing: writing, over: ErrLifeOver}
	s.lose = lost
	unhook := context.AfterFunc(held, func() { Wall.AfterFunc(recordTimeout, stopWriting) })
	s.end = func() { unhook(); stopWriting(); s.lose(nil) }
	for pause := retryDelays[0]; ; pause = min(2*pause, outage/10) {
		asked := Wall.Now()
		lease, err := st.Acquire(ctx, name, owner)
		if err == nil {
			s.keep(ctx, lease, asked)
			return s, nil
		}
		if errors.Is(err, store.ErrSchemaNewer) || clock.Sleep(ctx, Wall, pause) != nil || ctx.Err() != nil {
			s.end()
			return nil, fmt.Errorf("begin the life of a worker: %w", err)
		}
	}
}

// Join returns a session that writes for a run under the lease that another process holds and renews. What
// it claims hangs on the life of s: it stays open when that lease is lost, and its outcome counts. It ends
// with s, and needs no Close.
func (s *Session) Join(run store.Run, lease store.Lease) *Session {
	return &Session{
		Run: run, store: s.store, watch: s.watch, life: s, lease: lease,
		held: s.held, writing: s.writing, lose: s.lose, end: func() {}, opened: Wall.Now(),
	}
}

// Life is the name of the life that claims name; empty if they name none.
func (s *Session) Life() string {
	if s.life == nil {
		return ""
	}
	return s.life.current().Name
}

// Lease is the lease that the session writes under.
func (s *Session) Lease() store.Lease { return s.current() }

// Current reports whether the session's lease is the latest of its name. It asks with a mark that is
// refused in any case: there is no attempt of that number.
func (s *Session) Current(ctx context.Context, id string) (bool, error) {
	_, err := s.store.Write(ctx, s.current(), store.Batch{Marks: []store.Mark{{ID: id, Attempt: -1}}})
	if errors.Is(err, store.ErrLeaseLost) {
		return false, nil
	}
	return err == nil, err
}

// Select reads the entries of some ops.
func (s *Session) Select(ctx context.Context, ids []string) ([]store.Entry, error) {
	return store.SelectFrom(ctx, s.store, ids)
}

// Living are the names of the leases that somebody holds, with how long each has still to go.
func (s *Session) Living(ctx context.Context) (map[string]store.LeaseError, error) {
	all, err := s.store.Leases(ctx)
	if err != nil {
		return nil, err
	}
	living := make(map[string]store.LeaseError, len(all))
	for _, l := range all {
		living[l.Name] = l
	}
	return living, nil
}

// CloseLost closes an open attempt as recover does, apart from what the session writes otherwise: it may have to
// wait for the transaction of a worker that was stopped. It reports whether it did; an attempt whose life is
// held is left alone.
func (s *Session) CloseLost(ctx context.Context, e *store.Entry) (bool, error) {
	out, err := s.lostOutcome(ctx, e)
	if err != nil {
		return false, err
	}
	refused, err := s.store.Write(s.writing, s.current(), store.Batch{Outcomes: []store.Outcome{out}})
	if err != nil || len(refused) > 0 {
		return false, err
	}
	s.watch.Recovered(out)
	return true, nil
}

// Held is a context that ends when the lease, or the life, is lost, or the session is closed.
func (s *Session) Held() context.Context { return s.held }
