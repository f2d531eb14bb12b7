package sim

import (
	"errors"
	"time"

	"github.com/sequencer-go/seq/store"
)

// A Fault is something that goes wrong. Each seed draws which of them can.
type Fault string

// The faults.
const (
	KillBefore    Fault = "kill before a write"
	KillAfter     Fault = "kill after a write was committed"
	KillAnywhere  Fault = "kill anywhere"
	LostAck       Fault = "commit not acknowledged, and the error says so"
	LostAckPlain  Fault = "commit not acknowledged, and the error does not say so"
	RefusedWrite  Fault = "write refused"
	RefusedRead   Fault = "read refused"
	StoreDown     Fault = "store down for a while"
	SlowStore     Fault = "slow store"
	Paused        Fault = "replica paused for longer than the lease"
	Terminated    Fault = "replica told to stop"
	OpFails       Fault = "op fails"
	OpFailsHalf   Fault = "op fails with half an effect"
	OpPanics      Fault = "op panics"
	OpExits       Fault = "op ends its goroutine"
	RollbackFails Fault = "rollback fails"
	SlowOp        Fault = "slow op"
	DeafOp        Fault = "op does not heed its context"
	Deploy        Fault = "deploy of other ops"
	OtherStrategy Fault = "deploy of another strategy"
	Operator      Fault = "somebody calls Rollback"
	RowLocks      Fault = "transactions lock rows" // no fault, but a world that differs
	BatchFails    Fault = "batch fails"            // only where there are batches
)

// Faults are all of them.
var Faults = []Fault{
	KillBefore, KillAfter, KillAnywhere, LostAck, LostAckPlain, RefusedWrite, RefusedRead, StoreDown, SlowStore,
	Paused, Terminated, OpFails, OpFailsHalf, OpPanics, OpExits, RollbackFails, SlowOp, DeafOp, Deploy,
	OtherStrategy, Operator, RowLocks,
}

// What the simulated store says.
var (
	errKilled  = errors.New("sim: the process is dead")
	errDown    = errors.New("sim: the store is down")
	errRefused = errors.New("sim: refused by the store")
	errDeaf    = errors.New("sim: connection lost")
	errAborted = errors.New("sim: the transaction was aborted")
)

// fate is what happens to a step.
type fate struct {
	dead bool   // the replica died before it
	kill bool   // and dies after it
	fail error  // it does not happen, with this error
	lost error  // it happens, and the answer is this error
	seed uint64 // of what else is drawn, in a fleet
}

// can reports whether a fault may happen now, to this replica; it draws.
func (w *World) can(f Fault) bool {
	return !w.quiet && w.scenario.faults[f] && w.chance(w.scenario.rate)
}

// fate draws what happens to a step that is let go; false means that it must wait longer.
func (w *World) fate(p *parked) bool {
	call, writes := p.kind.stored()
	hit := func(f Fault) bool {
		if p.who.immune || !w.can(f) {
			return false
		}
		w.happens(f)
		w.logf("r%d %s %s: %s", p.who.number, p.kind, p.id, f)
		p.hit(w.clock.Now())
		return true
	}
	if p.kind == stepMail || p.kind == stepTake {
		p.fate.seed = w.rng.Uint64()
	}
	switch {
	case p.kind == stepLife:
	case hit(KillAnywhere), writes && hit(KillBefore):
		p.fate.dead = true
		w.kill(p.who)
	case call && w.downUntil.After(w.clock.Now()) && !p.who.immune:
		p.fate.fail = errDown
		p.hit(w.clock.Now())
	case writes && hit(KillAfter):
		p.fate.kill = true
	case writes && hit(LostAck):
		p.fate.lost = errors.Join(store.ErrUnknownOutcome, errDeaf)
	case writes && hit(LostAckPlain):
		p.fate.lost = errDeaf
	case writes && hit(RefusedWrite), call && !writes && hit(RefusedRead):
		p.fate.fail = errRefused
	case call && !p.slow && hit(SlowStore):
		p.slow = true
		p.at = w.clock.Now().Add(between(w.rng, time.Millisecond, 2*time.Second))
		p.hit(p.at)
		return false
	}
	return true
}

// hit notes that a fault came between a step and its answer.
func (p *parked) hit(at time.Time) {
	p.who.hitAt = at
	switch p.kind {
	case stepAcquire, stepRenew, stepRelease:
		p.who.leaseHitAt = at
	}
}

// disturb draws what happens to the world as a whole; true means that something did.
func (w *World) disturb() bool {
	if w.quiet || w.now() < 50*time.Millisecond {
		return false
	}
	if w.now() > w.scenario.faultsFor || w.events > w.most()/5 {
		w.calm()
		return true
	}
	now := w.clock.Now()
	switch {
	case w.can(StoreDown):
		w.downUntil = now.Add(between(w.rng, 100*time.Millisecond, 2*leaseTTL))
		w.happens(StoreDown)
		w.logf("the store is down until %.3f", w.downUntil.Sub(w.began).Seconds())
	case w.can(Paused):
		r := w.someone(func(r *replica) bool { return w.db.inTransaction(r) })
		if r != nil && !r.pausedUntil.After(now) {
			longest := 3 * leaseTTL
			if w.mail != nil { // longer than a transaction may be silent
				longest = 7 * leaseTTL
			}
			w.pause(r, between(w.rng, leaseTTL*11/10, longest))
		}
	case w.can(Terminated):
		if r := w.someone(func(r *replica) bool { return r.leads }); r != nil {
			w.happens(Terminated)
			w.ofFleet(r, "told to stop")
			w.logf("r%d is told to stop", r.number)
			r.cancel()
		}
	case w.version+1 < len(w.scenario.versions) && w.can(Deploy):
		w.version++
		w.happens(Deploy)
		w.logf("deploy of version %d", w.version+1)
		w.replaceOld()
	default:
		return false
	}
	return true
}

// someone is a random replica that is alive, nil if there is none. In a world with a fleet it is, half of the
// time, one of those where a fault does most.
func (w *World) someone(most func(*replica) bool) *replica {
	var alive, likely []*replica
	for _, r := range w.replicas {
		if r.running && !r.gone() && !r.immune {
			alive = append(alive, r)
			if w.mail != nil && most(r) {
				likely = append(likely, r)
			}
		}
	}
	if len(likely) > 0 && w.chance(0.5) {
		alive = likely
	}
	if len(alive) == 0 {
		return nil
	}
	return alive[w.rng.IntN(len(alive))]
}

func (w *World) pause(r *replica, d time.Duration) {
	w.happens(Paused)
	r.pausedUntil = w.clock.Now().Add(d)
	r.pausedAt = w.events
	r.hitAt, r.leaseHitAt = r.pausedUntil, r.pausedUntil
	w.ofFleet(r, "paused")
	w.logf("r%d is paused until %.3f", r.number, r.pausedUntil.Sub(w.began).Seconds())
}

// calm is the end of all faults.
func (w *World) calm() {
	w.quiet = true
	if w.version < len(w.scenario.versions)-1 {
		w.version++
		w.replaceOld()
	}
	w.downUntil = time.Time{}
	for _, r := range w.replicas {
		if r.pausedUntil.After(w.clock.Now()) {
			r.pausedUntil = time.Time{}
		}
	}
	w.logf("quiet from here on")
}

// kill is a SIGKILL.
func (w *World) kill(r *replica) {
	w.logf("r%d is dead", r.number)
	w.ofFleet(r, "killed")
	r.dead.Store(true)
	r.cancel()
	close(r.died)
	w.db.abortOf(r)
	w.audit.died(r)
}
