package kill_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// A process dies in the middle of a commit, and its server never hears that it did, as when its
// host has lost its power. What it had locked must not be locked until the network gives it up.
func testGone(t *testing.T) {
	all := onPostgres(t)
	each(t, []int{1, 2, 3, 4, 5, 6}, func(ctx context.Context, nth int) error { // 1 makes the tables
		return all.on(ctx, func(g *ground) error { return g.vanish(ctx, nth) })
	})
}

func (g *ground) vanish(ctx context.Context, nth int) error {
	s := scenarios[nth%len(scenarios)]
	p, err := newProxy(ctx, g.dsn, nth, silently)
	if err != nil {
		return err
	}
	defer p.close()
	o := g.order(s)
	o.DSN = p.dsn(g.dsn)
	gone, err := start(ctx, o)
	if err != nil {
		return err
	}
	select {
	case <-p.lost:
	case <-gone.ended:
		return errSlow
	}
	gone.signal(syscall.SIGKILL)
	if err := gone.wait(); err != nil {
		return err
	}
	score.count("died without the server's knowledge", 1)
	next, err := g.settle(ctx, g.order(s))
	if err != nil {
		return err
	}
	score.takeover("a death that the server did not notice", gone.end, next)
	if at, ok := next.claimed(); ok && at.Sub(gone.end) > g.ttl+30*time.Second { // an op may idle for a minute
		return fmt.Errorf("commit %d: taken over after %s", nth, at.Sub(gone.end).Round(time.Second))
	}
	return g.audit(ctx, s, false)
}
