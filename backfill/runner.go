package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A runner is one attempt at a backfill.
type runner[K any] struct {
	*work[K]
	db      *database
	clock   clock.Clock
	gates   gatekeeper
	letters *letters // nil: no row may be put aside

	// mu guards what follows. Whoever has a batch to commit holds it from when the cursor in memory is copied
	// until the commit has been answered, so that each cursor in the ledger has in it what the others have
	// committed before.
	mu       sync.Mutex
	cursor   cursor[K]
	sizer    *sizer
	estimate estimator
}

// How long batches are by default. Nobody else can write to SQLite while one is under way.
const (
	defaultTarget = 200 * time.Millisecond
	sqliteTarget  = 50 * time.Millisecond
)

func newRunner[K any](w *work[K], d *database) *runner[K] {
	r := &runner[K]{work: w, db: d, clock: w.Clock}
	if r.clock == nil {
		r.clock = clock.Wall()
	}
	r.gates = gatekeeper{gates: w.Gates, clock: r.clock, turn: make(chan struct{}, 1)}
	target := w.Target
	if target == 0 {
		target = defaultTarget
	}
	if d.sqlite() {
		target = min(target, sqliteTarget)
	}
	r.sizer = sizerOf(w.Size, w.MinSize, w.MaxSize, target)
	return r
}

// open reads the cursor, or makes the first one. That is not written before the first batch is: until then it
// can as well be made again.
func (r *runner[K]) open(ctx context.Context) error {
	if err := r.checkGates(r.db); err != nil {
		return seq.Permanent(err)
	}
	if r.DeadLetters > 0 {
		var err error
		if r.letters, err = openLetters(ctx, r.db); err != nil {
			return err
		}
	}
	var saved struct{ Source string }
	found, err := seq.Saved(ctx, &saved)
	switch {
	case err != nil:
		return err
	case found && saved.Source != r.From.name():
		return seq.Permanent(changed(saved.Source, r.From.name()))
	case found:
		if _, err := seq.Saved(ctx, &r.cursor); err != nil {
			return fmt.Errorf("the cursor of %s: %w", saved.Source, err)
		}
		if r.cursor.Size > 0 {
			r.sizer.size = min(max(r.cursor.Size, r.sizer.least), r.sizer.most)
		}
	default:
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	done, _ := r.cursor.done()
	r.estimate.note(r.clock.Now(), done, r.cursor.Total, false)
	return nil
}

// begin makes the first cursor.
func (r *runner[K]) begin(ctx context.Context) error {
	notes, err := r.From.check(ctx, r.db)
	if err != nil {
		return err
	}
	for _, note := range notes {
		seq.Logger(ctx).WarnContext(ctx, note)
	}
	spans, total, err := r.From.begin(ctx, r.db, max(r.Parts, 1))
	if err != nil {
		return err
	}
	r.cursor = cursor[K]{Source: r.From.name(), Total: total, Parts: make([]part[K], len(spans))}
	for i := range spans {
		r.cursor.Parts[i].span = spans[i]
	}
	return nil
}

// part is how a part stands.
func (r *runner[K]) part(i int) part[K] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor.Parts[i]
}

// size is how many rows the next batch is to have. A person's word comes before what was measured.
func (r *runner[K]) size(ctx context.Context) int64 {
	if asked, _ := seq.Asked(ctx); asked > 0 {
		return asked
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sizer.size
}

// plan is the next range of a part; false if the part is over.
func (r *runner[K]) plan(ctx context.Context, at span[K], size int64) (Range[K], bool, error) {
	return r.From.next(ctx, r.db, at, size)
}

// over notes that a part is done. The ledger hears of it with the next checkpoint.
func (r *runner[K]) over(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor.Parts[i].Over, r.cursor.Parts[i].Ahead = true, nil
}

// commit does one batch: do, in a transaction with the cursor in which part i is as next says. dead is how
// many rows of it are put aside. took is how long it was, without the wait for others.
func (r *runner[K]) commit(ctx context.Context, i int, do func(ctx context.Context) error, next part[K], dead int64) (took time.Duration, err error) {
	locked := false
	defer func() {
		if locked {
			r.mu.Unlock()
		}
	}()
	var after cursor[K]
	var began time.Time
	err = seq.Checkpoint(ctx, func(ctx context.Context) (p seq.Point, err error) {
		began = r.clock.Now() // on SQLite it has waited for the others before this
		if err := r.limitLocks(ctx); err != nil {
			return p, err
		}
		if err := do(ctx); err != nil {
			return p, err
		}
		did := r.clock.Now()
		r.mu.Lock()
		locked = true
		now := r.clock.Now()
		began = began.Add(now.Sub(did))
		if dead > 0 && r.cursor.Dead+dead > int64(r.DeadLetters) {
			return p, ErrDeadLetters
		}
		after = r.cursor.with(i, next, dead)
		after.Size = r.sizer.size
		done, parts := after.done()
		pace := r.estimate.note(now, done, after.Total, parts == len(after.Parts))
		return seq.Point{Cursor: &after, Done: done, Total: after.Total, Pace: after.pace(pace, r.sizer.size)}, nil
	})
	if err == nil {
		r.cursor = after
	}
	return r.clock.Now().Sub(began), err
}

// limitLocks bounds how long a statement of the batch waits for locks.
func (r *runner[K]) limitLocks(ctx context.Context) error {
	if !r.db.postgres() || r.LockTimeout < 0 {
		return nil
	}
	limit := r.LockTimeout
	if limit == 0 {
		limit = defaultLockTimeout
	}
	_, err := bunstore.DB(ctx).ExecContext(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, max(limit.Milliseconds(), 1)))
	return err
}

const defaultLockTimeout = 5 * time.Second

// key is the idempotency key of a range: the same whenever it is asked about while the op is done once.
func (r *runner[K]) key(ctx context.Context, rng *Range[K]) string {
	bounds, _ := json.Marshal([]K{rng.First, rng.Last}) // a cursor with it has been written
	sum := sha256.Sum256([]byte(seq.IdempotencyKey(ctx) + "\n" + string(bounds)))
	return hex.EncodeToString(sum[:16])
}
