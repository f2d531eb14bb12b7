package backfill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store/bunstore"
)

// do works on a part until it is over.
//
// limit is how many rows a batch may have while a row that fails is searched for, 0 if none is: it is halved
// with each failure, and doubled with each success until it does not matter any more.
func (r *runner[K]) do(ctx context.Context, i int) error {
	for limit := int64(0); !r.part(i).Over; {
		held, err := r.gates.pass(ctx)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.estimate.hold(held)
		r.mu.Unlock()
		size := r.size(ctx)
		if limit >= size {
			limit = 0
		}
		if limit > 0 {
			size = limit
		}
		rng, ok, err := r.next(ctx, i, size, limit > 0)
		if err != nil {
			return err
		}
		if !ok {
			r.over(i)
			return nil
		}
		took, err := r.batch(ctx, i, &rng, size)
		var failed *rowsError
		switch {
		case err == nil:
			limit *= 2
		case !errors.As(err, &failed):
			return err
		case size > 1 && rng.Rows != 1:
			limit = max(min(size, max(rng.Rows, 2))/2, 1)
			continue
		default:
			if err := r.putAside(ctx, i, &rng, failed); err != nil {
				return err
			}
			limit *= 2
		}
		if err := r.rest(ctx, took); err != nil {
			return err
		}
	}
	return nil
}

// next is the range to do next. One that was announced stays the same, unless it is too large.
func (r *runner[K]) next(ctx context.Context, i int, size int64, limited bool) (Range[K], bool, error) {
	p := r.part(i)
	if p.Ahead != nil && (!limited || p.Ahead.Rows <= size) {
		return *p.Ahead, true, nil
	}
	rng, ok, err := r.plan(ctx, p.span, size)
	if err != nil || !ok || !r.ahead {
		return rng, ok, err
	}
	p.Ahead = &rng
	_, err = r.patiently(ctx, func() (time.Duration, error) {
		return r.commit(ctx, i, func(context.Context) error { return nil }, p, 0)
	})
	return rng, true, err
}

// A rowsError is what the rows of a batch failed with, where they may be put aside.
type rowsError struct {
	error       // with the rows
	own   error // without
}

func (e *rowsError) Unwrap() error { return e.error }

// batch does a range, and answers with how long it took. Its error is a *[rowsError] if a smaller range may
// do better.
func (r *runner[K]) batch(ctx context.Context, i int, rng *Range[K], size int64) (took time.Duration, err error) {
	began := r.clock.Now()
	do, err := r.ask(ctx, *rng, r.key(ctx, rng))
	asking := r.clock.Now().Sub(began)
	if err == nil {
		next := r.part(i).past(rng)
		if r.ahead && !next.Over {
			ahead, more, err := r.plan(ctx, next.span, size)
			if err != nil {
				return 0, err
			}
			if next.Over = !more; more {
				next.Ahead = &ahead
			}
		}
		took, err = r.patiently(ctx, func() (time.Duration, error) { return r.commit(ctx, i, do, next, 0) })
	}
	took += asking
	switch {
	case err == nil:
		r.mu.Lock()
		r.sizer.note(rng.Rows, took)
		r.mu.Unlock()
		return took, nil
	case ends(ctx, err):
		return 0, err
	}
	own := err
	err = fmt.Errorf("rows %s: %w", rng, err)
	_, skip := seq.SkipReason(err)
	if r.letters == nil || skip || seq.IsPermanent(err) || bunstore.Transient(err) {
		return 0, err
	}
	return took, &rowsError{err, own}
}

// ends reports whether an error of a checkpoint says that there will be no other in this attempt.
func ends(ctx context.Context, err error) bool {
	for _, end := range []error{seq.ErrPaused, seq.ErrCancelled, seq.ErrFenced, seq.ErrLeaseLost, seq.ErrUnknownOutcome, seq.ErrNotResumable, seq.ErrNotInOp} {
		if errors.Is(err, end) {
			return true
		}
	}
	return ctx.Err() != nil
}

// patiently tries again what ran into the locks of others, after a pause that grows.
func (r *runner[K]) patiently(ctx context.Context, try func() (time.Duration, error)) (took time.Duration, err error) {
	for n := 1; ; n++ {
		took, err = try()
		if err == nil || !bunstore.Transient(err) || n == maxTries || ends(ctx, err) {
			return took, err
		}
		pause := 50 * time.Millisecond << n
		if err := clock.Sleep(ctx, wall, pause/2+rand.N(pause)); err != nil {
			return took, err
		}
	}
}

// wall is the time in which rests pass.
var wall = clock.Wall()

// SQLite has one writer and no queue for it: who finds it busy looks again after 1 to 100 ms. So a deploy
// beside a backfill waits until it happens to look while that rests. With rests of half a batch the slowest of
// twenty deploys took 0.2 to 0.5 s, with a quarter 0.5 to 1.3 s, and without any as long as the backfill did
// (bench, DeployBesideBackfill, on a loaded machine).
const (
	sqliteDuty = 2.0 / 3
	sqliteRest = 2 * time.Millisecond // at least
)

// longRest is from when on a rest looks whether something is asked, and says so.
const longRest = time.Second

// rest waits after a batch, for as long as a person or the job says.
func (r *runner[K]) rest(ctx context.Context, took time.Duration) error {
	_, rest := seq.Asked(ctx)
	if rest == 0 {
		duty := r.Duty
		if duty == 0 && r.db.sqlite() {
			duty = sqliteDuty
		}
		if duty > 0 {
			rest = time.Duration(float64(took) * (1 - duty) / duty)
		}
		if r.Duty == 0 && r.db.sqlite() {
			rest = max(rest, sqliteRest)
		}
	}
	switch {
	case rest <= 0:
		return nil
	case rest < longRest:
		return clock.Sleep(ctx, wall, rest)
	default:
		return seq.Rest(ctx, fmt.Sprintf("rests for %s", rest), rest)
	}
}
