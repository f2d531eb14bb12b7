package seq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// journal is a run's hold on the ledger: the lease, kept alive, and the writes under it.
type journal struct {
	store store.Store
	run   store.Run

	held context.Context         // until the lease is lost, or the run is over
	lose context.CancelCauseFunc // ends held, and the run's context
	tell func(Event)

	writing context.Context // of all writes: it ends some time after held

	pen pen

	mu    sync.Mutex
	lease store.Lease
	stop  func() // ends the renewal

	// In nanoseconds since it was made: when the lease is given up for lost if it is not renewed, and
	// when the ledger last answered.
	made         time.Time
	until, heard atomic.Int64
}

// current is the lease to write under.
func (j *journal) current() store.Lease {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lease
}

// wall is the time that leases live in, whatever clock the sequencer has: the other processes do
// too.
var wall = clock.Wall()

// acquire takes the lease, or does what the options say when somebody else has it, and keeps it
// renewed until release. Who waits already, for that or for its time, outlives an outage of the ledger,
// if it is short.
func (j *journal) acquire(ctx context.Context, otherwise Otherwise, waits bool, waiting func(*store.LeaseError)) error {
	heard := wall.Now() // when the ledger last answered
	var by error        // by whom it was held then
	for told := false; ; {
		began := wall.Now()
		lease, err := j.store.Acquire(ctx, store.RunLease, j.run.Owner)
		if err == nil {
			j.hold(ctx, lease, began)
			j.tell(Event{Kind: EventLeaseAcquired})
			return nil
		}
		now, held := wall.Now(), (*store.LeaseError)(nil)
		pause := outage / 10
		switch {
		case errors.As(err, &held) && otherwise == OrWait:
			if !told {
				waiting(held)
			}
			pause = max(min(held.Expires, leasePoll), leasePoll/10)
			heard, by, told, waits = now, err, true, true
		case held != nil || !waits || permanently(err) || now.Sub(heard) >= outage:
			return fmt.Errorf("acquire the ledger: %w", err)
		case ctx.Err() == nil:
			j.tell(Event{Kind: EventWaiting, Err: err, Delay: pause, Reason: "tries again"})
			told = false
		}
		if clock.Sleep(ctx, wall, pause) != nil || ctx.Err() != nil {
			return fmt.Errorf("waiting for the ledger: %w (%w)", context.Cause(ctx), cmp.Or(by, err))
		}
	}
}

// outage is how long who waits for the lease puts up with a ledger that does not answer.
const outage = 30 * time.Second

// leasePoll is how often a waiting run asks for the lease.
const leasePoll = 200 * time.Millisecond

// hold keeps a lease renewed, in a goroutine of its own.
func (j *journal) hold(ctx context.Context, lease store.Lease, began time.Time) {
	ctx, quit := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	j.mu.Lock()
	j.lease, j.stop = lease, func() { quit(); <-done }
	j.mu.Unlock()
	j.lasts(lease, began)
	go func() {
		defer close(done)
		if err := j.renew(ctx, lease); err != nil {
			err = fmt.Errorf("%w: %w", ErrLeaseLost, err)
			j.tell(Event{Kind: EventLeaseLost, Err: err})
			j.lose(err)
		}
	}()
}

// lasts notes a renewal that is sure, by when it was asked for. The lease counts as lost at two
// thirds of its TTL after that: the last third is for the ops to stop in, before anybody else may
// start.
func (j *journal) lasts(lease store.Lease, asked time.Time) {
	j.until.Store(int64(asked.Sub(j.made) + lease.TTL*2/3))
}

// hear notes that the ledger has answered just now.
func (j *journal) hear() time.Time {
	now := wall.Now()
	j.heard.Store(int64(now.Sub(j.made)))
	return now
}

// renew renews a lease five times in its TTL until ctx ends, or it is lost.
func (j *journal) renew(ctx context.Context, lease store.Lease) error {
	for clock.Sleep(ctx, wall, lease.TTL/5) == nil {
		began := wall.Now()
		try, cancel := context.WithDeadline(ctx, j.made.Add(time.Duration(j.until.Load())))
		err := j.store.Renew(try, lease)
		cancel()
		switch {
		case err == nil:
			j.lasts(lease, began)
		case ctx.Err() != nil: // given back
		case errors.Is(err, ErrLeaseLost), wall.Now().Sub(j.made) >= time.Duration(j.until.Load()):
			return err
		}
	}
	return nil
}

// late is an error if the lease counted as lost when the ledger last answered. A process that slept
// may notice it here first: its goroutines do not wake up all at once.
func (j *journal) late() error {
	if j.heard.Load() < j.until.Load() {
		return nil
	}
	return fmt.Errorf("%w: it was not renewed in time", ErrLeaseLost)
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
