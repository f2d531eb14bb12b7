package sim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// replica is one process: a handle to the database that dies with it.
type replica struct {
	world   *World
	number  int
	ops     []*opSpec
	action  action
	ctx     context.Context // told to stop: ended
	cancel  context.CancelFunc
	immune  bool // from faults
	running bool
	dead    atomic.Bool
	died    chan struct{}

	pausedUntil time.Time
	pausedAt    int // the event
	strategy    string
	plan        *plan.Plan // that its executor is at

	// In a world with work in the background:
	life     life
	readRuns int               // the event at which it read the runs last
	acked    map[string][]byte // what the last checkpoint kept that it was told of, by op
	lanesMu  sync.Mutex
	lanes    map[string]string // the lane that a goroutine works in

	// In a world with a fleet:
	leads      bool                    // workers do what it runs
	hasLife    bool                    // of a worker
	looking    bool                    // one of a worker's orders was taken, and not claimed yet
	doing      engine.Order            // that a worker took last
	hitAt      time.Time               // when a fault came last between it and the store or the transport
	leaseHitAt time.Time               // or between it and its lease or life
	rights     map[string]engine.Order // see keyed
}

var _ store.Store = (*replica)(nil)

func (w *World) newReplica(a action) *replica {
	r := &replica{
		world: w, number: len(w.replicas) + 1, ops: w.scenario.versions[w.version].ops, action: a,
		died: make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancel(w.base)
	w.replicas = append(w.replicas, r)
	return r
}

// gone reports whether the replica may not do anything any more.
func (r *replica) gone() bool { return r.dead.Load() || r.world.over.Load() }

// call makes a call of the store, with the fate that it meets.
func call[T any](ctx context.Context, r *replica, kind step, id string, rows []string, do func() (T, error)) (T, error) {
	var none T
	defer context.AfterFunc(ctx, r.world.notify)()
	f := r.park(&parked{kind: kind, id: id + r.step(ctx), rows: rows, alive: func() bool { return ctx.Err() == nil }})
	switch {
	case f.dead:
		return none, errKilled
	case ctx.Err() != nil:
		return none, context.Cause(ctx)
	case f.fail != nil:
		return none, f.fail
	}
	answer, err := do()
	if f.kill {
		r.world.kill(r)
		return none, errKilled
	}
	if f.lost != nil && err == nil {
		return none, f.lost
	}
	return answer, err
}

// Load implements [store.Store].
func (r *replica) Load(ctx context.Context) ([]store.Entry, error) {
	return call(ctx, r, stepLoad, r.tag(""), nil, func() ([]store.Entry, error) {
		list := make([]store.Entry, 0, len(r.world.db.entries))
		for _, id := range r.world.ids() {
			list = append(list, r.world.seen(r, *r.world.db.entries[id]))
		}
		return list, nil
	})
}

// Select implements [store.Selector].
func (r *replica) Select(ctx context.Context, ids []string) ([]store.Entry, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	id := r.tag("")
	if r.world.mail != nil {
		id = selects + strings.Join(ids, " ")
	}
	return call(ctx, r, stepLoad, id, nil, func() ([]store.Entry, error) {
		var list []store.Entry
		for _, id := range ids {
			if e := r.world.db.entries[id]; e != nil {
				list = append(list, r.world.seen(r, *e))
				r.world.audit.reads(r, id)
			}
		}
		return list, nil
	})
}

// selects is how the name of a step begins that reads some entries only.
const selects = "select "

// History implements [store.Reader].
func (r *replica) History(ctx context.Context, id string, page store.Page) ([]store.Attempt, error) {
	return call(ctx, r, stepHistory, id, nil, func() ([]store.Attempt, error) {
		var list []store.Attempt
		for _, a := range slices.Backward(r.world.db.attempts[id]) {
			if len(list) < page.Limit && (page.Before == 0 || int64(a.Number) < page.Before) {
				list = append(list, a)
			}
		}
		return list, nil
	})
}

// RunAttempts implements [store.Reader].
func (r *replica) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	of := run
	if r.world.mail != nil { // several goroutines may ask, and the ID is random
		of = r.world.alias("run", run)
	}
	return call(ctx, r, stepHistory, "of "+of, nil, func() ([]store.Attempt, error) {
		var list []store.Attempt
		for _, id := range r.world.ids() {
			for _, a := range r.world.db.attempts[id] {
				if a.Run == run && len(list) < limit && (id > after.ID || id == after.ID && a.Number > after.Number) {
					list = append(list, a)
				}
			}
		}
		return list, nil
	})
}

// Runs implements [store.Reader].
func (r *replica) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	return call(ctx, r, stepRuns, "", nil, func() ([]store.Run, error) {
		var latest []store.Run
		for _, run := range slices.Backward(r.world.db.runs) {
			if len(latest) < page.Limit && (page.Before == 0 || run.Number < page.Before) {
				latest = append(latest, run)
			}
		}
		return latest, nil
	})
}

// UnfinishedRuns implements [store.Reader].
func (r *replica) UnfinishedRuns(ctx context.Context) ([]store.Run, error) {
	return call(ctx, r, stepRuns, r.tag(""), nil, func() ([]store.Run, error) {
		r.readRuns = r.world.events
		var latest []store.Run
		for _, run := range slices.Backward(r.world.db.runs) {
			if run.Unfinished() && (!r.world.is(RunUnread) || r.action != work || run.Lease != store.RunLease) {
				latest = append(latest, run)
			}
		}
		return latest, nil
	})
}

// LookupRun implements [store.Reader].
func (r *replica) LookupRun(ctx context.Context, id string) (store.Run, bool, error) {
	run, err := call(ctx, r, stepRuns, "", nil, func() (*store.Run, error) { return r.world.db.run(id), nil })
	if err != nil || run == nil {
		return store.Run{}, false, err
	}
	return *run, true, nil
}

// Identity implements [store.Reader].
func (r *replica) Identity(context.Context) (store.Token, error) { return identity, nil }

// identity is that of every simulated ledger.
var identity = store.Token{1}

// Acquire implements [store.Store].
func (r *replica) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	r.takes(name)
	name = r.lane(name)
	return call(ctx, r, stepAcquire, r.leaseID(name), nil, func() (store.Lease, error) {
		w, l, now := r.world, r.world.db.lease(name), r.world.clock.Now()
		if held := w.heldBack(name, owner, now); held != nil && !w.is(HoldIgnored) && (!l.held(now) || w.is(LeaseForTheTaking)) {
			w.count(heldOut)
			return store.Lease{}, held
		}
		if l.held(now) && !w.is(LeaseForTheTaking) {
			return store.Lease{}, &store.LeaseError{Name: name, Expires: l.expires.Sub(now)}
		}
		w.audit.acquires(r, l, owner, now)
		if w.mail != nil && !l.Holder.IsZero() {
			w.audit.expired(l)
			w.takenOver(r, l.by)
		}
		taken := !l.Holder.IsZero()
		l.Lease = store.Lease{Name: name, Epoch: l.Epoch + 1, Holder: store.NewToken(), TTL: leaseTTL, Identity: identity}
		l.expires, l.since, l.by = now.Add(leaseTTL), w.events, r
		w.logf("r%d has the lease %s, epoch %d", r.number, w.named(name), l.Epoch)
		w.count(leaseTaken)
		if taken {
			w.count(leaseExpired)
		}
		return l.Lease, nil
	})
}

// Renew implements [store.Store].
func (r *replica) Renew(ctx context.Context, lease store.Lease) error {
	_, err := call(ctx, r, stepRenew, r.leaseID(lease.Name), nil, func() (struct{}, error) {
		if !r.world.db.current(lease) || r.losesIts(lease) {
			return struct{}{}, store.ErrLeaseLost
		}
		l, now := r.world.db.lease(lease.Name), r.world.clock.Now()
		if !l.held(now) {
			l.since = r.world.events
		}
		l.expires = now.Add(leaseTTL)
		return struct{}{}, nil
	})
	return err
}

// Release implements [store.Store].
func (r *replica) Release(ctx context.Context, lease store.Lease) error {
	_, err := call(ctx, r, stepRelease, r.leaseID(lease.Name), nil, func() (struct{}, error) {
		if r.world.db.current(lease) {
			r.world.db.lease(lease.Name).Holder = store.Token{}
			r.world.logf("r%d gives the lease back%s", r.number, r.leaseID(" "+r.world.named(lease.Name)))
		}
		return struct{}{}, nil
	})
	return err
}

// Write implements [store.Store].
func (r *replica) Write(ctx context.Context, lease store.Lease, b store.Batch) ([]string, error) {
	if r.world.mail != nil {
		return r.writeInFleet(ctx, lease, b)
	}
	b = r.mutate(b)
	what, rows := describe(b)
	return call(ctx, r, stepWrite, what+r.leaseID(lease.Name), rows, func() ([]string, error) { return r.world.write(r, lease, b) })
}

// Atomic implements [store.Store].
func (r *replica) Atomic(ctx context.Context, lease store.Lease, claim store.Claim, fn func(context.Context) (store.Batch, error)) ([]string, error) {
	w := r.world
	claim.Token = w.token(claim.ID, claim.Token)
	rows := []string{claim.ID}
	var asked store.Control
	if claim.Steered {
		rows = nil // it locks no row of the ledger before its commit
	}
	t, err := call(ctx, r, stepBegin, claim.ID, rows, func() (*transaction, error) {
		if !w.db.isOpen(claim.ID, claim.Token) && !w.is(BeginUnchecked) {
			return nil, store.ErrFenced
		}
		t := &transaction{owner: r, row: claim.ID, touched: w.clock.Now()}
		if claim.Steered {
			t.row, asked = "", w.heard(w.db.control(claim.ID))
		}
		w.db.open = append(w.db.open, t)
		return t, nil
	})
	if err != nil {
		return nil, err
	}
	within := context.WithValue(ctx, txKey{}, t)
	if claim.Steered {
		within = store.WithControl(within, asked)
	}
	b, err := fn(within)
	f := r.yield(stepCommit, claim.ID, nil, nil)
	if f.dead {
		return nil, errKilled
	}
	defer w.db.close(t)
	switch {
	case err != nil:
		return nil, err
	case f.fail != nil:
		return nil, f.fail
	case t.aborted:
		return nil, errAborted
	case !w.db.isOpen(claim.ID, claim.Token) && !w.is(BeginUnchecked) && (!w.is(CheckpointUnchecked) || !claim.Steered):
		if claim.Steered {
			w.count(fencedBatch)
		}
		return nil, store.ErrFenced
	}
	for _, effect := range t.effects {
		effect()
	}
	if w.is(SecondTransaction) || w.is(CursorApart) && claim.Steered {
		w.audit.everything()
		if f2 := r.yield(stepCommit, claim.ID+" record", nil, nil); f2.dead || f2.fail != nil {
			return nil, errors.Join(f2.fail, errKilled)
		}
	}
	refused, err := w.write(r, lease, b)
	w.count(committed)
	if f.kill {
		w.kill(r)
		return nil, errKilled
	}
	if f.lost != nil && err == nil {
		return nil, f.lost
	}
	r.acknowledged(b)
	return refused, err
}

type txKey struct{}

// describe is a name for a batch that is unique within its replica, and the rows it touches.
func describe(b store.Batch) (string, []string) {
	var rows []string
	what := ""
	add := func(kind, id string) { rows = append(rows, id); what = kind }
	for _, o := range b.Outcomes {
		add("outcome", o.ID)
	}
	for _, s := range b.Saves {
		add("save", s.ID)
	}
	for _, m := range b.Marks {
		add("mark", m.ID)
	}
	for _, c := range b.Claims {
		add("claim", c.ID)
	}
	slices.Sort(rows)
	if b.Run != nil {
		what = "run " + b.Run.State.String()
	}
	names := make([]string, len(rows))
	for i, id := range rows {
		names[i] = short(id)
	}
	return what + " " + strings.Join(names, " "), rows
}

// ids are the rows, in order.
func (w *World) ids() []string {
	ids := make([]string, 0, len(w.db.entries))
	for id := range w.db.entries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
