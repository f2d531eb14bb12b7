package bunstore

import (
	"context"
	"fmt"
	"math"

	"github.com/sequencer-go/seq/store"
)

// The epoch of a run is that of the lease it is written under. Where others write at the same time, the
// number is safe because who writes a run has the ledger's lock for runs until the commit.
var (
	upsertRun = define("run", `INSERT INTO {runs} AS r (ns, id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, saga, error)
	VALUES ({ns}, @id, (SELECT coalesce(max(number), 0) + 1 FROM {runs} WHERE ns = {ns}),
		@strategy, @state, @owner, @executable, @name, @epoch, {now}, CASE WHEN @stopped THEN {now} END, @reason, @work, @selection, @saga, @error)
	ON CONFLICT (ns, id) DO UPDATE SET
		strategy = excluded.strategy, state = excluded.state, owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, epoch = excluded.epoch, finished = excluded.finished,
		reason = excluded.reason, work = excluded.work, selection = excluded.selection, saga = excluded.saga, error = excluded.error`)
	lockRuns = define("lock runs", `SELECT pg_advisory_xact_lock(hashtextextended('seq:runs:' || {ns} || ':' || coalesce({schema}, current_schema()) || ':' || {prefix}, 0))`)
	hasRun   = define("has run", `SELECT 1 FROM {runs} WHERE ns = {ns} AND id = @id AND state = @state AND epoch = @epoch`)
)

func (c *changes) run(ctx context.Context) error {
	r := c.batch.Run
	if r == nil || !c.current {
		return nil
	}
	if !c.store.dialect.oneWriter {
		if err := c.store.exec(ctx, c.conn, lockRuns); err != nil {
			return err
		}
	}
	state := r.State.String()
	if c.proof.statement == nil {
		c.proof = proof{statement: hasRun, args: []arg{{"id", r.ID}, {"state", state}, {"epoch", c.lease.Epoch}}}
	}
	return c.store.exec(ctx, c.conn, upsertRun, arg{"id", r.ID}, arg{"strategy", clean(r.Strategy)}, arg{"state", state},
		arg{"owner", c.store.ownerOf(r.Owner)}, arg{"executable", clean(r.Owner.Binary)}, arg{"name", c.lease.Name}, arg{"epoch", c.lease.Epoch},
		arg{"stopped", r.State.Stopped()}, arg{"reason", clean(r.Reason)}, arg{"work", clean(r.Work)}, arg{"selection", clean(r.Selection)},
		arg{"saga", r.Saga}, arg{"error", clean(r.Error)})
}

const unfinished = `(state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga)`

const runColumns = `id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error`

var (
	selectRuns = define("read runs", `SELECT `+runColumns+` FROM {runs} WHERE ns = {ns} AND {here} AND number < @before ORDER BY number DESC LIMIT @limit`)
	// The index on what is not over has this very condition.
	selectOpen = define("read unfinished runs", `SELECT `+runColumns+` FROM {runs} WHERE ns = {ns} AND {here} AND `+unfinished+` ORDER BY number DESC`)
	selectRun  = define("read run", `SELECT `+runColumns+` FROM {runs} WHERE ns = {ns} AND {here} AND id = @id`)
)

// Runs implements [store.Reader].
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	var runs []store.Run
	err := s.read(ctx, "runs", func(r *row) error {
		run, err := runOf(r)
		runs = append(runs, run)
		return err
	}, selectRuns, pageArgs(page)...)
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// UnfinishedRuns implements [store.Reader].
func (s *Store) UnfinishedRuns(ctx context.Context) ([]store.Run, error) {
	var runs []store.Run
	err := s.read(ctx, "runs", func(r *row) error {
		run, err := runOf(r)
		runs = append(runs, run)
		return err
	}, selectOpen)
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// LookupRun implements [store.Reader].
func (s *Store) LookupRun(ctx context.Context, id string) (run store.Run, known bool, err error) {
	err = s.read(ctx, "runs", func(r *row) (err error) {
		known = true
		run, err = runOf(r)
		return err
	}, selectRun, arg{"id", id})
	if err != nil {
		return store.Run{}, false, err
	}
	return run, known, nil
}

func pageArgs(page store.Page) []arg {
	before := page.Before
	if before == 0 {
		before = math.MaxInt64
	}
	return []arg{{"before", before}, {"limit", int64(max(page.Limit, 0))}}
}

// runOf reads a row of runColumns.
func runOf(r *row) (store.Run, error) {
	run := store.Run{
		ID: r.text(0), Number: r.number(1), Strategy: r.text(2), Owner: r.owner(4), Lease: r.text(6), Epoch: r.number(7),
		Started: r.time(8), Finished: r.time(9), Reason: r.text(10), Work: r.text(11), Selection: r.text(12), Saga: r.number(13) != 0, Error: r.text(14),
	}
	if err := readable(run.ID); err != nil {
		return run, fmt.Errorf("run %.100q: %w", run.ID, err)
	}
	word := r.text(3)
	state, err := store.ParseRunState(word)
	if run.State = state; err != nil {
		run.State = store.UnknownRun
		if run.Unknown, err = unknown("state", word); err != nil {
			return run, fmt.Errorf("run %q: %w", run.ID, err)
		}
	}
	return run, nil
}
