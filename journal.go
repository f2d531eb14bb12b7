package seq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// journal is a run's hold on the ledger: the lease, kept alive, and the writes under it.
type journal struct {
	store Store
	run   Run
	seq   atomic.Int64 // order of completion

	held context.Context         // until the lease is lost, or the run is over
	lose context.CancelCauseFunc // ends held, and the run's context
	tell func(Event)

	writing context.Context // of all writes: it ends some time after held

	pen pen

	mu    sync.Mutex
	lease Lease
	stop  func() // ends the renewal
}

// current is the lease to write under.
func (j *journal) current() Lease {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lease
}

// wall is the time that leases live in, whatever clock the sequencer has: the other processes do
// too.
var wall = clock.Wall()

// acquire takes the lease, or does what the options say when somebody else has it, and keeps it
// renewed until release.
func (j *journal) acquire(ctx context.Context, otherwise Otherwise, waiting func(*LeaseError)) error {
	for told := false; ; {
		began := wall.Now()
		lease, err := j.store.Acquire(ctx, j.run.Owner)
		if err == nil {
			j.hold(ctx, lease, began)
			j.tell(Event{Kind: EventLeaseAcquired})
			return nil
		}
		var held *LeaseError
		if !errors.As(err, &held) || otherwise != OrWait {
			return fmt.Errorf("acquire the ledger: %w", err)
		}
		if !told {
			waiting(held)
			told = true
		}
		pause := max(min(held.Expires, leasePoll), leasePoll/10)
		if clock.Sleep(ctx, wall, pause) != nil || ctx.Err() != nil {
			return fmt.Errorf("waiting for the ledger: %w (%w)", context.Cause(ctx), held)
		}
	}
}

// leasePoll is how often a waiting run asks for the lease.
const leasePoll = 200 * time.Millisecond

// hold keeps a lease renewed, in a goroutine of its own.
func (j *journal) hold(ctx context.Context, lease Lease, began time.Time) {
	ctx, quit := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	j.mu.Lock()
	j.lease, j.stop = lease, func() { quit(); <-done }
	j.mu.Unlock()
	go func() {
		defer close(done)
		if err := j.renew(ctx, lease, began); err != nil {
			err = fmt.Errorf("%w: %w", ErrLeaseLost, err)
			j.tell(Event{Kind: EventLeaseLost, Err: err})
			j.lose(err)
		}
	}()
}

// renew renews a lease five times in its TTL until ctx ends. It gives up for lost at two thirds
// of the TTL after the last renewal that is sure: the last third is for the ops to stop in,
// before anybody else may start.
func (j *journal) renew(ctx context.Context, lease Lease, sure time.Time) error {
	for clock.Sleep(ctx, wall, lease.TTL/5) == nil {
		began, left := wall.Now(), lease.TTL*2/3-wall.Now().Sub(sure)
		try, cancel := context.WithTimeout(ctx, left)
		err := j.store.Renew(try, lease)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			sure = began
		case errors.Is(err, ErrLeaseLost), wall.Now().Sub(sure) >= lease.TTL*2/3:
			return err
		}
	}
	return nil
}

// release ends the renewal and gives the lease back. If that fails it expires by itself.
func (j *journal) release(ctx context.Context) {
	j.mu.Lock()
	stop, lease := j.stop, j.lease
	j.mu.Unlock()
	stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	_ = j.store.Release(ctx, lease)
}

// recordTimeout bounds what is said to the ledger when the lease is lost, or given back.
const recordTimeout = 10 * time.Second

// settle writes the outcome of an attempt, and the claim that goes with it if there is one. It tries
// again on an error, because the op has run: a lost outcome is the one thing that cannot be repaired
// from here. It fails with ErrFenced if somebody else closed the attempt. Whether the claim was
// taken is for claimed to say.
func (j *journal) settle(ctx context.Context, out Outcome, attempt int, ahead *Claim) (claimed bool, err error) {
	ctx = context.WithoutCancel(ctx)
	b := Batch{Outcomes: []Outcome{out}}
	if ahead != nil {
		b.Claims = []Claim{*ahead}
	}
	unsure := false // an earlier try may have been committed
	for _, pause := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, 0} {
		refused, err := j.write(ctx, b)
		written := !slices.Contains(refused, out.ID)
		switch {
		case !written && unsure && j.told(ctx, out, attempt):
			return ahead != nil && j.owns(ctx, ahead), nil
		case !written:
			return false, ErrFenced
		case err == nil, errors.Is(err, ErrLeaseLost): // a true report counts, also from a former holder
			return err == nil && ahead != nil && !slices.Contains(refused, ahead.ID), nil
		case pause == 0:
			return false, err
		}
		unsure = true
		_ = clock.Sleep(ctx, wall, pause)
	}
	return false, nil
}

// owns reports whether a claim whose answer was lost is in the ledger.
func (j *journal) owns(ctx context.Context, c *Claim) bool {
	entries, err := loadEntries(context.WithoutCancel(ctx), j.store)
	return err == nil && entries[c.ID] != nil && entries[c.ID].Token == c.Token
}

// told reports whether the ledger has this outcome of an attempt already.
func (j *journal) told(ctx context.Context, out Outcome, attempt int) bool {
	history, err := j.store.History(ctx, out.ID)
	if err != nil {
		return false
	}
	for _, a := range history {
		if a.Number == attempt {
			return a.State == out.State && !a.Lost
		}
	}
	return false
}
