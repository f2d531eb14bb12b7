// Package ledger is a run's session with its store. A session holds the lease and renews it, shares
// commits among the workers of the run, repeats the writes that must not be lost, and closes the
// attempts that dead processes left open.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// Wall is the time that leases live in, whatever clock a sequencer has: the other processes live in
// it, too.
var Wall = clock.Wall()

const (
	// recordTimeout bounds what is written after the lease was lost, and the call that gives it back.
	recordTimeout = 10 * time.Second
	// outage is how long a caller that is already waiting for the lease tolerates a ledger that does
	// not answer.
	outage = 30 * time.Second
	// leasePoll is how often a waiting caller asks for the lease.
	leasePoll = 200 * time.Millisecond
)

// IfLeased says what to do when another process holds the lease.
type IfLeased uint8

// The choices.
const (
	Wait   IfLeased = iota // until it is free
	Return                 // at once, with the LeaseError
	Fail                   // at once, with the LeaseError
)

// A Watcher hears what happens to a session. Its methods may be called from any goroutine.
type Watcher interface {
	// LeaseHeld says that another process holds the lease, and that the caller waits for it.
	LeaseHeld(by *store.LeaseError)
	// Unreachable says that the ledger did not answer, and will be asked again after pause.
	Unreachable(err error, pause time.Duration)
	// Acquired says that the session holds the lease.
	Acquired()
	// Lost says that it does not any more, and why.
	Lost(err error)
	// Recovered says that an attempt whose process died was closed.
	Recovered(o store.Outcome)
}

// A Session is one process's right to write for one run. Its methods are safe for concurrent use,
// but for Suspend, Resume and Close, during which nothing else may be running.
type Session struct {
	Run store.Run // what the session writes for; the owner may change it while nothing is running

	store store.Store
	watch Watcher

	held      context.Context         // ends when the lease is lost, or the session is closed
	lose      context.CancelCauseFunc // ends held, and the context that Open returned
	interrupt context.CancelCauseFunc // ends only that
	writing   context.Context         // of every write: it ends recordTimeout after held
	end       func()

	name      string // of the lease
	committer committer

	life *Session // whose life the claims name, see Join; nil: the session lives by its own lease
	over error    // what losing the lease is called; nil: store.ErrLeaseLost

	mu    sync.Mutex
	lease store.Lease
	stop  func() // ends the renewal and waits for its goroutine

	// In nanoseconds since opened: until when the lease may be trusted, and when the ledger last
	// answered.
	opened            time.Time
	trusted, answered atomic.Int64
}

// ErrStopped means that somebody asked the holder of a lease to stop. Package seq exports it.
var ErrStopped = errors.New("told to stop")

// Open takes the lease that the run names, RunLease if it names none, as choice says when another process
// holds it, and keeps it renewed until Close. The context that it returns ends when ctx does, when the
// lease is lost, and when somebody asks for a stop; then its cause matches [store.ErrLeaseLost] or
// [ErrStopped].
func Open(ctx context.Context, st store.Store, run store.Run, choice IfLeased, watch Watcher) (context.Context, *Session, error) {
	held, lost := context.WithCancelCause(context.WithoutCancel(ctx))
	ctx, stop := context.WithCancelCause(ctx)
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	s := &Session{Run: run, name: cmp.Or(run.Lease, store.RunLease), store: st, watch: watch, opened: Wall.Now(), held: held, writing: writing}
	s.lose, s.interrupt = func(why error) { lost(why); stop(why) }, stop
	unhook := context.AfterFunc(held, func() { Wall.AfterFunc(recordTimeout, stopWriting) })
	s.end = func() { unhook(); stopWriting(); s.lose(nil) }
	if err := s.acquire(ctx, choice, false); err != nil {
		s.end()
		return ctx, nil, err
	}
	return ctx, s, nil
}

// Discard is a session that writes nothing, for walks that record nothing.
func Discard() *Session {
	ctx := context.Background()
	return &Session{store: discard{}, held: ctx, writing: ctx, lose: func(error) {}, interrupt: func(error) {}, end: func() {}, opened: Wall.Now()}
}

// Close gives the lease back and ends the session. If that fails the lease expires by itself.
func (s *Session) Close(ctx context.Context) {
	s.Suspend(ctx)
	s.end()
}

// Suspend gives the lease back; nothing is written until Resume.
func (s *Session) Suspend(ctx context.Context) {
	s.mu.Lock()
	stop, lease := s.stop, s.lease
	s.stop = nil
	s.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	_ = s.store.Release(ctx, lease)
}

// Resume takes the lease again, and waits for it as long as it takes. A caller that waited already
// tolerates a short outage of the ledger.
func (s *Session) Resume(ctx context.Context) error { return s.acquire(ctx, Wait, true) }

// Identity is the random name of the ledger; zero for one that discards everything.
func (s *Session) Identity() store.Token { return s.current().Identity }

// Store is where the session writes.
func (s *Session) Store() store.Store { return s.store }

// Lost is why the lease is not held any more; nil while it is.
func (s *Session) Lost() error {
	if s.held.Err() == nil {
		return nil
	}
	return context.Cause(s.held)
}

// WhileHeld is a context that does not end with ctx, but when the lease is lost: for rollbacks,
// which go on after the caller has given up, until another process takes over.
func (s *Session) WhileHeld(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(s.held, func() { cancel(context.Cause(s.held)) })
	return ctx, func() { unhook(); cancel(nil) }
}

// acquire takes the lease and starts its renewal. patient means that the caller waits already.
func (s *Session) acquire(ctx context.Context, choice IfLeased, patient bool) error {
	answered := Wall.Now() // when the ledger last answered
	var heldBy error       // and what it answered
	const nobody, process, person = 0, 1, 2
	for announced := nobody; ; {
		asked := Wall.Now()
		lease, err := s.store.Acquire(ctx, s.name, s.Run.Owner)
		if err == nil {
			s.keep(ctx, lease, asked)
			s.watch.Acquired()
			return nil
		}
		now, held := Wall.Now(), (*store.LeaseError)(nil)
		pause := outage / 10
		switch {
		case errors.As(err, &held) && choice == Wait:
			by := process
			pause = max(min(held.Expires, leasePoll), leasePoll/10)
			if held.Held != nil {
				by, pause = person, leasePoll
			}
			if announced != by {
				s.watch.LeaseHeld(held)
			}
			answered, heldBy, announced, patient = now, err, by, true
		case held != nil || !patient || errors.Is(err, store.ErrSchemaNewer) || now.Sub(answered) >= outage:
			return fmt.Errorf("acquire the ledger: %w", err)
		case ctx.Err() == nil:
			s.watch.Unreachable(err, pause)
			announced = nobody
		}
		if clock.Sleep(ctx, Wall, pause) != nil || ctx.Err() != nil {
			return fmt.Errorf("waiting for the ledger: %w (%w)", context.Cause(ctx), cmp.Or(heldBy, err))
		}
	}
}

// keep renews a lease in a goroutine of its own, until stop is called or the lease is lost.
func (s *Session) keep(ctx context.Context, lease store.Lease, asked time.Time) {
	ctx, quit := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.mu.Lock()
	s.lease, s.stop = lease, func() { quit(); <-done }
	s.mu.Unlock()
	s.trust(lease, asked)
	go func() {
		defer close(done)
		if err := s.renew(ctx, lease); err != nil {
			err = fmt.Errorf("%w: %w", s.lost(), err)
			s.watch.Lost(err)
			s.lose(err)
		}
	}()
}

// renew renews a lease five times in its TTL until ctx ends or the lease is lost.
func (s *Session) renew(ctx context.Context, lease store.Lease) error {
	for clock.Sleep(ctx, Wall, lease.TTL/5) == nil {
		asked := Wall.Now()
		try, cancel := context.WithDeadline(ctx, s.opened.Add(time.Duration(s.trusted.Load())))
		err := s.store.Renew(try, lease)
		cancel()
		switch {
		case err == nil:
			s.trust(lease, asked)
			s.heed(ctx, lease)
		case ctx.Err() != nil: // given back
		case errors.Is(err, store.ErrLeaseLost), Wall.Now().Sub(s.opened) >= time.Duration(s.trusted.Load()):
			return err
		}
	}
	return nil
}

// heed ends the context that Open returned if somebody asks the holder of the lease to stop. What the
// person who asked does with the ledger from then on goes on. A ledger that does not answer must not keep the
// lease from being renewed: there is time for one pause more between two renewals, and no longer is it asked.
func (s *Session) heed(ctx context.Context, lease store.Lease) {
	if strings.HasPrefix(lease.Name, store.LifePrefix) {
		return // nobody asks anything of a life
	}
	ctx, cancel := context.WithTimeout(ctx, lease.TTL/5)
	defer cancel()
	c, err := s.store.Control(ctx, lease.Name)
	if err != nil || c.Wanted != store.WantStop || !c.Holds(Wall.Now()) || s.since(ctx, &c, lease) {
		return
	}
	if c.Heard < c.Number {
		_ = s.store.Answer(ctx, lease, store.Answer{ID: c.ID, Seen: c.Number})
	}
	s.interrupt(fmt.Errorf("%w by %s: %s", ErrStopped, c.Actor, c.Reason))
}

// since reports whether the lease was taken, for the person who asked for a stop, after that was asked.
func (s *Session) since(ctx context.Context, c *store.Control, lease store.Lease) bool {
	if c.Actor == "" || c.Actor != s.Run.Owner.Actor {
		return false
	}
	h, err := s.store.Holder(ctx, lease.Name)
	return err != nil || h == nil || !h.Since.Before(c.Asked)
}

// trust notes a renewal that took effect no earlier than asked. The lease is trusted for two thirds
// of its TTL from then on: the last third is for the ops to stop in, before another process may
// start.
func (s *Session) trust(lease store.Lease, asked time.Time) {
	s.trusted.Store(int64(asked.Sub(s.opened) + lease.TTL*2/3))
}

// noteAnswer notes that the ledger has answered just now, and returns the time.
func (s *Session) noteAnswer() time.Time {
	if s.life != nil {
		return s.life.noteAnswer()
	}
	now := Wall.Now()
	s.answered.Store(int64(now.Sub(s.opened)))
	return now
}

// expired is an error if the lease was not trusted any more when the ledger last answered. A process
// that was stopped may notice it here first, because its goroutines do not wake up all at once.
func (s *Session) expired() error {
	if s.life != nil {
		return s.life.expired()
	}
	if s.answered.Load() < s.trusted.Load() {
		return nil
	}
	return fmt.Errorf("%w: it was not renewed in time", s.lost())
}

// lost is what losing the lease is called.
func (s *Session) lost() error { return cmp.Or(s.over, store.ErrLeaseLost) }

// current is the lease to write under.
func (s *Session) current() store.Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lease
}
