package fleet_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/strategies"
)

// TestPooler: leader and workers reach ledger and River through a pgbouncer that lends fewer sessions than they
// have connections, each for a transaction, so that nobody hears a notification. A worker is killed in the middle.
// Nothing is left in a session that others get.
func TestPooler(t *testing.T) {
	w := world{Ops: 80, Sleep: 100 * time.Millisecond, PollOnly: 50 * time.Millisecond}
	p := create(t, &w) // not through it: this one counts
	w.DSN = pgtest.Through(t, w.DSN)
	short := w
	short.Lease = 2 * lease
	victim := start(t, short, "worker")
	start(t, w, "worker")
	start(t, w, "worker")
	leader := start(t, w, "leader")
	eventually(t, "the middle", func() bool { return p.done(t) > 20 })
	victim.signal(t, syscall.SIGKILL)
	err := leader.wait()
	again, unknown := p.audit(t, w)
	state := strings.TrimSpace(leader.out.String())
	if err != nil || (state == "succeeded") != (unknown == 0) {
		t.Errorf("%s, %v, and %d unknown: %s", state, err, unknown, leader.errors.String())
	}
	t.Logf("%s; %d attempts lost, %d Repeatable ops done twice, %d Once ops unknown", state, p.lost(t), again, unknown)
	p.lostOnlyOf(t, strconv.Itoa(victim.cmd.Process.Pid))
	through, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer through.close()
	sessions := map[int]bool{}
	for range pgtest.Sessions {
		tx, err := through.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
		var pid, prepared, listens int
		row := tx.QueryRow(t.Context(), `SELECT pg_backend_pid(), (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels())`)
		if err := row.Scan(&pid, &prepared, &listens); err != nil || prepared+listens > 0 {
			t.Errorf("%d statements are left in a session, %d LISTEN, %v", prepared, listens, err)
		}
		sessions[pid] = true
	}
	if len(sessions) != pgtest.Sessions {
		t.Errorf("%d sessions, want all %d", len(sessions), pgtest.Sessions)
	}
}

// TestPoolerRefusal: a leader that hears nothing learns that no worker can do a step, and why.
func TestPoolerRefusal(t *testing.T) {
	w := world{Ops: 8, PollOnly: 50 * time.Millisecond}
	create(t, &w)
	w.DSN = pgtest.Through(t, w.DSN)
	p, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	older := w
	older.Ops--
	start(t, older, "worker")
	var said atomic.Int32
	watch := middleware.Middleware{Name: "watch", Watch: func(e middleware.Event) {
		if e.Kind == middleware.EventNoWorker && e.ID == opID(w.Ops-1) && strings.Contains(e.Err.Error(), "does not have it") {
			said.Add(1)
		}
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	transport := fleet.River(p.pool, w.river()...)
	report, err := p.sequencer(w).Use(strategies.AllowedToFailBatch(), fleet.Middleware(transport, fleet.Patience(3*time.Second)), watch).Run(ctx)
	if !errors.Is(err, seq.ErrNoWorker) || !strings.Contains(err.Error(), "does not have it") || report.State != seq.RunFailed {
		t.Errorf("%s, %v", report.State, err)
	}
	if said.Load() != 1 {
		t.Errorf("it was said %d times", said.Load())
	}
	if n := p.count(t, "SELECT count(*) FROM seq_ops WHERE state = 'succeeded'"); n != older.Ops {
		t.Errorf("%d were done, want %d", n, older.Ops)
	}
}
