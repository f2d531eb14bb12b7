package sim

import (
	"time"

	"github.com/sequencer-go/seq/store"
)

// invariants are those of docs/reliability.md, under their numbers there, restated for leases of several
// names and for lives. The states are store.State, a run is a row, the epoch is Lease.Epoch and the fence
// Entry.Fence.
var invariants = map[int]string{
	1:  "epoch grows",
	2:  "authority",
	3:  "one open attempt",
	4:  "own outcome only",
	5:  "intent first",
	6:  "counters never fall",
	7:  "final stays final",
	8:  "tx exactness",
	9:  "no success without effect",
	10: "once",
	11: "nothing lost",
	12: "sequence",
	13: "graph",
	14: "no forward after the decision",
	15: "decision first",
	16: "quiet before rollback",
	17: "reverse order",
	18: "complete",
	19: "scope",
	20: "no overlap",
	21: "one active run of a lease",
	22: "not early",
	23: "bounded",
	24: "truthful return",
	25: "progress",
	26: "batches in order",
	27: "cursor",
	28: "requests",
	29: "one in a lane",
	30: "ready",
	31: "deaths without headway",
	32: "nothing under the background",
	33: "hold",
	34: "kept while it is renewed",
	35: "numbers of completion",
	36: "no order swallowed",
	37: "news not held up",
	38: "as ordered",
	39: "all or nothing",
}

// audit is what the harness saw for itself, and does not believe the ledger about.
type audit struct {
	w       *World
	ops     map[string]*truth
	open    []*called // calls under way
	current bool      // the write that is being applied shows the current lease
	decided map[string]bool

	lease   store.Lease            // of the write that is being applied
	batches map[string]*batchTruth // of ops in the background, by the ID that they had first
	stopped map[string]int64       // the request that stopped an op, as long as that stands
	marked  []mark                 // ops that the write that is being applied decides to undo

	sent   map[sent]*order // what leaders have ordered
	number int64           // of the last completion
}

// mark is a decision to undo an op.
type mark struct {
	by *replica
	id string
}

// truth is what really happened to one op.
type truth struct {
	claims  []*claimed
	effects map[int]int // by generation: how often its effect was made
	net     int         // effects less undoings
	last    *claimed    // whose call left the last effect
	fuzzy   bool        // somebody acted without being allowed to, as the fault model has it
	deaths  int         // of an op in the background, since it got further
}

// claimed is an attempt as it was committed.
type claimed struct {
	store.Claim
	who      *replica
	under    *replica // whose run it is: who, or the leader of the worker
	event    int
	ended    int
	calls    int
	closed   bool
	lost     bool
	outcome  store.State
	effected bool
	excused  bool
	lane     string // the lease that it was claimed under
	epoch    int64
	at       time.Time // when it was closed
	heard    bool      // its leader has read that it was
}

// called is one call of an op.
type called struct {
	*claimed
	heeds bool
}

func newAudit(w *World) *audit {
	return &audit{
		w: w, ops: map[string]*truth{}, decided: map[string]bool{},
		batches: map[string]*batchTruth{}, stopped: map[string]int64{}, sent: map[sent]*order{},
	}
}

func (a *audit) of(id string) *truth {
	t := a.ops[id]
	if t == nil {
		t = &truth{effects: map[int]int{}}
		a.ops[id] = t
	}
	return t
}

func (t *truth) lastClaim() *claimed {
	if len(t.claims) == 0 {
		return nil
	}
	return t.claims[len(t.claims)-1]
}

// died forgets the calls of a replica: they have no effect any more.
func (a *audit) died(r *replica) {
	var left []*called
	for _, c := range a.open {
		if c.who != r {
			left = append(left, c)
		}
	}
	a.open = left
}

// acquires checks a new lease against the one before.
func (a *audit) acquires(r *replica, l *heldLease, owner store.Owner, now time.Time) {
	if l.held(now) {
		a.w.violate(1, "r%d takes a lease that has not expired", r.number)
	}
	if c := a.w.db.control(l.Name); c.Holds(now) && c.Actor != owner.Actor {
		a.w.violate(33, "r%d takes the lease %s, which %s holds", r.number, l.Name, c.Actor)
	}
}

// outcome checks the end of an attempt.
func (a *audit) outcome(r *replica, lease store.Lease, o *store.Outcome, before, after *store.Entry) {
	w, t := a.w, a.of(o.ID)
	c := t.lastClaim()
	switch {
	case c == nil || c.closed:
		w.violate(4, "r%d closes an attempt of %s that is not open", r.number, short(o.ID))
		return
	case o.Lost && !a.current:
		w.violate(2, "r%d recovers %s without the lease", r.number, short(o.ID))
	case o.Lost && before.Lease != lease.Name:
		w.violate(4, "r%d closes an attempt of %s that another lease has, as lost", r.number, short(o.ID))
	case o.Lost && before.Life != "" && w.db.lease(before.Life).held(w.clock.Now()):
		w.violate(4, "r%d closes an attempt of %s whose life is held, as lost", r.number, short(o.ID))
	case o.Lost && before.Life == "" && before.Fence >= lease.Epoch:
		w.violate(4, "r%d closes an attempt of %s of its own epoch as lost", r.number, short(o.ID))
	case !o.Lost && c.who != r:
		w.violate(4, "r%d closes the attempt of r%d at %s", r.number, c.who.number, short(o.ID))
	}
	c.ended, c.at, c.closed, c.lost, c.outcome = w.events, w.clock.Now(), true, o.Lost, after.State
	if w.mail != nil {
		a.settledInFleet(r, lease, o, c, before, after)
	}
	w.legal(before, after)
	if op := w.scenario.find(o.ID); op != nil && op.background != nil {
		a.settled(op, c, o, after)
	} else if after.State == store.Succeeded && c.Direction == store.Forward {
		if t.effects[c.Generation] == 0 && t.net <= 0 {
			w.violate(9, "%s succeeded and has no effect", short(o.ID))
		}
	}
	if o.Lost {
		w.count(recovered)
	}
}

// mark checks a change of state without an attempt.
func (a *audit) mark(r *replica, m *store.Mark, before, after *store.Entry) {
	w := a.w
	if !a.current {
		w.violate(2, "r%d marks %s without the lease", r.number, short(m.ID))
	}
	w.legal(before, after)
	if m.State == store.RollbackPending && r.action != rollBack && r.action != undoOne && before.Run != m.Run {
		w.violate(19, "r%d decides to undo %s, which is not of its run", r.number, short(m.ID))
	}
	if m.State == store.RollbackPending {
		a.decided[m.ID] = true
		if r.leads && r.action == run && r.ctx.Err() != nil {
			w.count(undoneWhenTold)
		}
		if before.State != store.RollbackPending {
			a.marked = append(a.marked, mark{r, m.ID})
		}
	}
}

// everything checks what must hold of the rows at any time.
func (a *audit) everything() {
	w := a.w
	for _, id := range w.ids() {
		e, t := w.db.entries[id], a.of(id)
		open := 0
		for _, at := range w.db.attempts[id] {
			if at.Finished.IsZero() {
				open++
			}
		}
		if open > 1 || (open == 1) == e.Token.IsZero() || e.State.Open() == e.Token.IsZero() {
			w.violate(3, "%s is %s with %d open attempts, token %t", short(id), e.State, open, !e.Token.IsZero())
		}
		if e.Crashes > 3 && e.State == store.Running {
			w.violate(23, "%s: %d crashes", short(id), e.Crashes)
		}
		a.exact(e, t)
		if w.background {
			a.cursors(e)
		}
	}
	for _, m := range a.marked {
		a.undone(m.by, m.id)
	}
	a.marked = nil
	started := map[string]int{}
	for i := range w.db.runs {
		if r := &w.db.runs[i]; r.State == store.RunStarted {
			if started[r.Lease]++; started[r.Lease] > 1 {
				w.violate(21, "%d runs are under way under the lease %s", started[r.Lease], r.Lease)
			}
		}
	}
}

// exact is the promise of a Transactional op: its effect and its record are one.
func (a *audit) exact(e *store.Entry, t *truth) {
	if op := a.w.scenario.find(e.ID); op == nil || op.delivery != store.Transactional {
		return
	}
	if c := t.lastClaim(); c != nil && c.Direction == store.ByHand {
		return
	}
	want := 0
	switch e.State {
	case store.Succeeded, store.RollbackPending, store.RollingBack, store.RollbackFailed:
		want = 1
	}
	if t.net != want {
		a.w.violate(8, "%s is %s and its effect is there %d times", short(e.ID), e.State, t.net)
	}
}
