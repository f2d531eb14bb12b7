package seq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// journal is a run's hold on the ledger: the lease, kept alive, and the writes under it.
type journal struct {
	store Store
	run   Run
	seq   atomic.Int64 // order of completion; continues what the ledger has

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
