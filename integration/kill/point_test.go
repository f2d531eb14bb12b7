package kill_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// everyPoint is where a process can be killed. A test fails if one of them was never reached.
var everyPoint = beforeAndAfter(
	"acquire", "renew", "release",
	"write.recover", "write.begin", "write.end", "write.decide", "write.save",
	"write.claim", "write.outcome", "write.outcome-and-claim", "write.outcome-failed",
	"write.claim-rollback", "write.outcome-rollback",
	"atomic", "atomic-fn", "atomic-rollback", "atomic-rollback-fn",
	"op.repeatable", "op.once", "op.verified", "verify",
	"rollback.repeatable", "rollback.once", "rollback.verified",
)

func beforeAndAfter(names ...string) (points []string) {
	for _, name := range names {
		points = append(points, name+".before", name+".after")
	}
	return points
}

// A trap sends this process a signal when it comes to a point for the nth time.
type trap struct {
	point  string
	nth    int
	signal syscall.Signal

	mu   sync.Mutex
	seen map[string]int
}

func (t *trap) at(point string) {
	t.mu.Lock()
	t.seen[point]++
	sprung := point == t.point && t.seen[point] == t.nth
	t.mu.Unlock()
	if !sprung {
		return
	}
	say("at", point)
	if err := syscall.Kill(os.Getpid(), t.signal); err != nil {
		panic(err)
	}
	if t.signal == syscall.SIGKILL {
		select {} // the signal is on its way
	}
}

// around is at, before and after something that succeeds.
func (t *trap) around(point string, do func() error) error {
	t.at(point + ".before")
	err := do()
	if err == nil {
		t.at(point + ".after")
	}
	return err
}

// trapped is a store with traps before and after everything that it writes.
type trapped struct {
	store.Store
	trap    *trap
	claimed atomic.Bool
}

func (s *trapped) Acquire(ctx context.Context, name string, owner store.Owner) (lease store.Lease, err error) {
	err = s.trap.around("acquire", func() (err error) {
		lease, err = s.Store.Acquire(ctx, name, owner)
		return err
	})
	return lease, err
}

func (s *trapped) Renew(ctx context.Context, lease store.Lease) error {
	return s.trap.around("renew", func() error { return s.Store.Renew(ctx, lease) })
}

func (s *trapped) Release(ctx context.Context, lease store.Lease) error {
	return s.trap.around("release", func() error { return s.Store.Release(ctx, lease) })
}

func (s *trapped) Write(ctx context.Context, lease store.Lease, b store.Batch) (refused []string, err error) {
	err = s.trap.around(pointOf(&b), func() (err error) {
		refused, err = s.Store.Write(ctx, lease, b)
		if err == nil && len(b.Claims) > 0 && !s.claimed.Swap(true) {
			say("claim", strconv.FormatInt(time.Now().UnixNano(), 10))
		}
		return err
	})
	return refused, err
}

// pointOf names a write by what is in it.
func pointOf(b *store.Batch) string {
	switch {
	case len(b.Outcomes) > 0 && b.Outcomes[0].Lost:
		return "write.recover"
	case b.Run != nil && b.Run.State == seq.RunRollingBack:
		return "write.decide"
	case b.Run != nil && b.Run.State == seq.RunStarted:
		return "write.begin"
	case b.Run != nil:
		return "write.end"
	case len(b.Outcomes) > 0 && len(b.Claims) > 0:
		return "write.outcome-and-claim"
	case len(b.Claims) > 0 && b.Claims[0].Direction == seq.Rollback:
		return "write.claim-rollback"
	case len(b.Claims) > 0:
		return "write.claim"
	case len(b.Saves) > 0:
		return "write.save"
	}
	switch b.Outcomes[0].State {
	case seq.Failed:
		return "write.outcome-failed"
	case seq.RolledBack, seq.RollbackFailed:
		return "write.outcome-rollback"
	default:
		return "write.outcome"
	}
}

// Atomic has four points: before it and when it is committed, and around the op in it.
func (s *trapped) Atomic(ctx context.Context, lease store.Lease, c store.Claim, fn func(context.Context) (store.Batch, error)) (refused []string, err error) {
	name := "atomic"
	if c.Direction == seq.Rollback {
		name = "atomic-rollback"
	}
	err = s.trap.around(name, func() (err error) {
		refused, err = s.Store.Atomic(ctx, lease, c, func(ctx context.Context) (b store.Batch, err error) {
			err = s.trap.around(name+"-fn", func() (err error) {
				b, err = fn(ctx)
				return err
			})
			return b, err
		})
		return err
	})
	return refused, err
}
