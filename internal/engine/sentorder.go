package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// A sentOrder is one order and the wait for its outcome.
type sentOrder struct {
	order   Order
	attempt *attempt
	claim   store.Claim // that recalls it
	before  store.State // of the op
	sent    time.Time   // zero: not yet
	since   time.Time
	done    chan struct{}
	entry   store.Entry // when done,
	err     error       // unless nobody was found who can do it
	begun   bool        // an attempt is open
	closing bool
	refused map[string]string // why, by worker
	at      time.Time         // of the first refusal
	told    string            // what was said of it last
}

// order is the record layer of a run whose steps workers do: they claim, call and record.
func order(ctx context.Context, c *middleware.Call) error {
	a, err := attemptOf(ctx, c)
	if err != nil {
		return err
	}
	return a.walk.dispatch.do(ctx, a)
}

// do has an attempt made by a worker, and another one if its worker did not bring it to an end.
func (d *dispatch) do(ctx context.Context, a *attempt) error {
	a.abroad = true
	for {
		e := d.newSentOrder(a)
		err := d.send(ctx, e)
		if err != nil {
			err = d.abandon(ctx, e, fmt.Errorf("send the order: %w", err))
		} else {
			err = d.finish(ctx, e)
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		if err := d.mayRepeat(ctx, a); err != nil {
			return err
		}
	}
}

// errAgain says that an attempt came to no end, or that its outcome says nothing of the op.
var errAgain = errors.New("to be ordered again")

// finish waits for the end of an order that was sent, and takes it over.
func (d *dispatch) finish(ctx context.Context, e *sentOrder) error {
	if err := d.await(ctx, e); err != nil {
		return d.abandon(ctx, e, err)
	}
	return d.settle(ctx, e)
}

func (d *dispatch) newSentOrder(a *attempt) *sentOrder {
	w, s := d.walk, a.step
	lease, run, entry := w.session.Lease(), &w.session.Run, s.known()
	e := &sentOrder{attempt: a, done: make(chan struct{}), since: ledger.Wall.Now(), before: entry.State}
	e.order = Order{
		Ledger: lease.Identity.String(), Lease: lease.Name, Epoch: lease.Epoch, Holder: lease.Holder.String(),
		Run: run.ID, Strategy: w.strategy, Actor: run.Owner.Actor, Reason: run.Reason,
		ID: s.plan.ID, Attempt: entry.Attempt, Direction: a.Direction, Declared: s.task.Delivery, Delivery: s.plan.Delivery,
		Checksum: s.task.Checksum, Tolerates: a.tolerable(),
	}
	if a.keyID != s.plan.ID {
		e.order.Key = a.keyID
	}
	// It is nobody's attempt: the op stays with the run that moved it last, which is the one that decided to
	// undo it.
	moved := cmp.Or(entry.Run, run.ID)
	if a.Direction == store.Rollback {
		moved = run.ID
	}
	generation := entry.Generation
	if a.anew(entry) { // its leader may die before it is withdrawn: it must not look like one of before
		generation++
	}
	e.claim = store.Claim{
		ID: s.plan.ID, Token: store.NewToken(), Direction: a.Direction, Run: moved, Delivery: a.kept(),
		Generation: generation, Attempt: entry.Attempt + 1, Owner: run.Owner, Checksum: entry.Checksum,
	}
	return e
}

// await waits until the ledger has the end of an attempt that the order led to, or nobody was found who can
// do it. What is known counts, also if ctx has ended.
func (d *dispatch) await(ctx context.Context, e *sentOrder) error {
	select {
	case <-e.done:
		return e.err
	default:
	}
	select {
	case <-e.done:
		return e.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// why is who cannot do it. The caller holds mu.
func (e *sentOrder) why() string {
	if len(e.refused) == 0 {
		return "no worker lives"
	}
	var parts []string
	for _, worker := range slices.Sorted(maps.Keys(e.refused)) {
		parts = append(parts, worker+": "+e.refused[worker])
	}
	return strings.Join(parts, "; ")
}

// abandon ends the wait for an order because of err. The order is recalled. If a worker has begun it, the
// wait goes on, unless the run was told to stop or lost its lease: then the attempt goes on without the
// leader, and whoever comes next waits for it.
func (d *dispatch) abandon(ctx context.Context, e *sentOrder, err error) error {
	a := e.attempt
	void, recallErr := d.recall(context.WithoutCancel(ctx), e)
	switch {
	case void, d.walk.session.Lost() != nil && d.untouched(ctx, e, recallErr):
		d.forget(ctx, []*sentOrder{e})
		return err
	case d.walk.session.Lost() != nil:
		a.reached, a.called, a.phase = true, true, called
		return err
	case recallErr != nil:
		d.mu.Lock()
		d.unrecalled = append(d.unrecalled, e)
		d.mu.Unlock()
		a.reached, a.called, a.phase = true, true, lost
		a.ledgerErr = fmt.Errorf("recall the order: %w", recallErr)
		return errors.Join(err, a.ledgerErr)
	case ctx.Err() != nil:
		a.reached, a.called, a.phase = true, true, called
		return fmt.Errorf("a worker goes on with it: %w", err)
	}
	d.mu.Lock()
	e.begun, e.at, e.err, e.done = true, time.Time{}, nil, make(chan struct{})
	d.out[e.order.ID] = e
	d.fresh = true
	d.mu.Unlock()
	d.wakeUp()
	return d.finish(ctx, e)
}

// recall makes an order void: the leader makes the attempt itself and withdraws it, so that the number is
// taken. It reports false if a worker was quicker.
func (d *dispatch) recall(ctx context.Context, e *sentOrder) (void bool, err error) {
	d.mu.Lock()
	if d.out[e.order.ID] == e {
		delete(d.out, e.order.ID)
	}
	d.mu.Unlock()
	if n, err := d.attempts(ctx, e); err == nil && n > e.order.Attempt { // a worker has begun it, and a claim would wait for the transaction of the op
		return false, nil
	}
	r := &ledger.Records{Claim: [1]store.Claim{e.claim}}
	err = ledger.Retry(ctx, func(context.Context, bool) error { return d.walk.session.Claim(ctx, r) })
	switch {
	case errors.Is(err, store.ErrFenced):
		return false, nil
	case err != nil:
		return false, err
	}
	out := e.attempt.unmade()
	out.Token, out.Error = e.claim.Token, "the order was recalled"
	r.Outcome[0] = out
	if _, err := d.walk.session.Settle(ctx, r, nil); err != nil {
		e.attempt.step.deferOutcome(out)
	}
	known := *e.attempt.step.known() // what the ledger has now
	known.ID, known.Attempt, known.Generation, known.State = e.order.ID, e.claim.Attempt, e.claim.Generation, out.State
	known.Run, known.Error = e.claim.Run, out.Error
	e.attempt.step.entry = &known
	return true, nil
}

// attempts is how many the ledger counts of the op of an order now.
func (d *dispatch) attempts(ctx context.Context, e *sentOrder) (int, error) {
	found, err := d.walk.session.Select(context.WithoutCancel(ctx), []string{e.order.ID})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].Attempt, nil
}

// untouched reports whether it is known of an order, after its recall failed because the lease is not the
// leader's any more, that nobody has begun it before.
func (d *dispatch) untouched(ctx context.Context, e *sentOrder, recallErr error) bool {
	if e.begun || !errors.Is(recallErr, store.ErrLeaseLost) {
		return false
	}
	n, err := d.attempts(ctx, e)
	return err == nil && n <= e.order.Attempt
}

// recallAll recalls what could not be recalled before. Nothing may be under way.
func (d *dispatch) recallAll(ctx context.Context) error {
	d.mu.Lock()
	unrecalled := d.unrecalled
	d.unrecalled = nil
	d.mu.Unlock()
	for i, e := range unrecalled {
		if _, err := d.recall(ctx, e); err != nil {
			d.mu.Lock()
			d.unrecalled = append(d.unrecalled, unrecalled[i:]...)
			d.mu.Unlock()
			return fmt.Errorf("recall the order of %s: %w", e.order.ID, err)
		}
	}
	d.forget(ctx, unrecalled)
	return nil
}

// settle takes over what the ledger says of an attempt that has ended.
func (d *dispatch) settle(ctx context.Context, e *sentOrder) error {
	a, entry := e.attempt, e.entry
	var last store.Attempt
	err := e.overtaken(&entry)
	if err == nil {
		last, err = d.lastAttempt(ctx, &entry, a)
	}
	if err != nil {
		a.reached, a.called, a.phase, a.ledgerErr = true, true, lost, err
		return err
	}
	d.started(e, entry.Attempt)
	a.Attempt, a.generation = entry.Attempt, int32(entry.Generation)
	a.setSaved(entry.Saved)
	skipped := entry.State == store.Skipped
	over := last.Lost || last.Interrupted || last.Withdrawn && !skipped || entry.State == store.RollbackPending
	if over && entry.State != store.RollbackFailed {
		d.forget(ctx, []*sentOrder{e}) // of a worker that died nobody else would say that it is over
		a.step.entry = &entry
		a.reached, a.called = a.reached || !last.Withdrawn, a.called || !last.Withdrawn
		if last.Withdrawn { // it may be claiming another one just now, see reopen
			_ = clock.Sleep(ctx, ledger.Wall, lastPoll)
		}
		return errAgain
	}
	a.reached = !skipped || !last.Withdrawn // else a middleware of the worker left the op out
	a.called, a.phase, a.outcome = a.reached, committed, entry.State
	a.saidSkip = skipped && a.reached
	return remoteError(a, &entry)
}

// overtaken is an error if an entry says nothing of the attempt that the order led to, because the holder of a
// later lease has touched the op since, or decided to undo it.
func (e *sentOrder) overtaken(entry *store.Entry) error {
	back := false
	switch entry.State {
	case store.RollbackPending, store.RolledBack, store.RollbackFailed:
		back = true
	}
	if entry.Lease == e.order.Lease && entry.Fence == e.order.Epoch && back == (e.order.Direction == store.Rollback) {
		return nil
	}
	return fmt.Errorf("%w: another process has gone on with %s, which is %s", store.ErrLeaseLost, e.order.ID, entry.State)
}

// lastAttempt is the attempt that an entry had last. If it completed the op it is not asked for.
func (d *dispatch) lastAttempt(ctx context.Context, entry *store.Entry, a *attempt) (last store.Attempt, err error) {
	if (entry.State == store.Succeeded || entry.State == store.RolledBack) && entry.Seq != a.step.known().Seq {
		return last, nil
	}
	err = ledger.Retry(context.WithoutCancel(ctx), func(ctx context.Context, _ bool) error {
		history, err := d.walk.session.Store().History(ctx, entry.ID, store.Page{Before: int64(entry.Attempt) + 1, Limit: 1})
		if err == nil && len(history) > 0 {
			last = history[0]
		}
		return err
	})
	return last, err
}

// remoteError is the error of an op that a worker called, as far as the ledger tells it: a text, and what is
// known of its effect. Its identity stays with the worker.
func remoteError(a *attempt, e *store.Entry) error {
	var err error
	switch e.State {
	case store.Succeeded, store.RolledBack:
		return nil
	case store.Skipped:
		return verdict.Skip(e.Error)
	default:
		err = errors.New(cmp.Or(e.Error, "it is "+e.State.String()))
	}
	if e.Permanent {
		err = verdict.Permanent(err)
	}
	if a.Direction == store.Forward && e.Delivery == store.Once && (e.State == store.Failed || e.State == store.Tolerated) {
		err = verdict.NotApplied(err)
	}
	return err
}

// mayRepeat is an error if an op whose attempt came to no end must not be ordered again in this run.
func (d *dispatch) mayRepeat(ctx context.Context, a *attempt) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if a.Direction == store.Rollback {
		return nil
	}
	if a.Step.Delivery == store.Resumable { // it may rest because somebody asked for it
		c, err := d.walk.session.Store().Control(ctx, a.Step.ID)
		if err == nil {
			err = askedErr(&c)
		}
		if err != nil {
			a.reached, a.called, a.phase, a.outcome = true, true, committed, a.step.known().State
			return err
		}
	}
	if err := d.walk.limits.refusal(a.step.task, a.step.known()); err != nil {
		a.reached, a.called, a.phase, a.outcome = true, true, committed, a.step.known().State
		if a.outcome != store.Indeterminate {
			a.outcome = store.Failed
		}
		return err
	}
	a.Doubt = a.step.known().State == store.Indeterminate
	return nil
}
