package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/store"
)

// Coverage counts what happened, by name.
type Coverage map[string]int

// What is counted besides faults and changes of state.
const (
	leaseTaken   = "lease taken"
	leaseExpired = "lease taken over after it expired"
	leaseLost    = "lease lost, and its holder told"
	recovered    = "attempt of the dead closed"
	committed    = "transaction committed"
	verified     = "verify asked"
	resolved     = "resolved by hand"
)

// What is counted of work in the background.
const (
	batchDone      = "batch committed"
	fencedBatch    = "checkpoint of a closed attempt refused"
	wentOn         = "an attempt went on from a checkpoint"
	wentOnElse     = "another process went on from a checkpoint"
	stopHeard      = "a run was told to stop"
	pauseHeard     = "a pause was heard"
	cancelHeard    = "a cancellation was heard"
	sizeHeard      = "a batch was told its size"
	heldOut        = "somebody was kept out by a hold"
	leaseRevoked   = "lease taken away from a run"
	laneTaken      = "lane taken over after it expired"
	laneRecovered  = "attempt of a dead process closed in its lane"
	anew           = "begun anew in another generation"
	halfUndone     = "half done, cancelled, and undone"
	renamedWentOn  = "went on under another ID"
	besideDeploy   = "batch committed while a run was under way"
	diedFurther    = "three deaths with a checkpoint between"
	undoneAndAsked = "rolled back, and resumed"
)

// What is counted of a fleet.
const (
	livedAgain     = "a worker that had lost its life began another"
	resent         = "order sent again"
	recalledOne    = "order recalled"
	recallLate     = "order recalled too late"
	refusedOne     = "order refused by a worker"
	givenBack      = "order given back after an error of the ledger"
	foundVoid      = "order found void"
	foundBegun     = "order found begun by another worker"
	undoneByWorker = "undone by a worker"
	diedInRun      = "attempt of a dead worker closed in the run that ordered it"
	outlived       = "attempt of a worker ended after its leader"
	noWorker       = "no worker in time"
	hereAfterFleet = "a local run took over from a leader"
	fleetAfterHere = "a leader took over from a local run"
	undoneWhenTold = "undone because it was told to stop"
)

// ofFleet counts what happens to a leader or a worker.
func (w *World) ofFleet(r *replica, what string) {
	switch {
	case w.mail == nil:
	case r.action == serve:
		w.count("a worker is " + what)
	case r.leads:
		w.count("a leader is " + what)
	}
}

// takenOver counts who takes the lease of whom, after it has expired.
func (w *World) takenOver(r, from *replica) {
	switch {
	case from.leads && !r.leads:
		w.count(hereAfterFleet)
	case r.leads && !from.leads:
		w.count(fleetAfterHere)
	}
}

func (w *World) count(what string)   { w.cov[what]++ }
func (w *World) happens(f Fault)     { w.cov["fault: "+string(f)]++ }
func arrow(a, b fmt.Stringer) string { return a.String() + " → " + b.String() }

func (w *World) passes(from, to store.State) {
	if from != to {
		w.cov["op: "+arrow(from, to)]++
	}
}

func (w *World) passesRun(before *store.Run, to store.RunState) {
	switch {
	case before == nil:
		w.cov["run: new → "+to.String()]++
	case before.State != to:
		w.cov["run: "+arrow(before.State, to)]++
	}
}

// Add adds the counts of another seed.
func (c Coverage) Add(other Coverage) {
	for what, n := range other {
		c[what] += n
	}
}

// Sometimes is what must happen in a batch of seeds, or the batch proves too little: each fault,
// and each arrow of docs/architecture.md.
func Sometimes() []string {
	must := []string{leaseTaken, leaseExpired, leaseLost, recovered, committed, verified, resolved}
	for _, f := range Faults {
		must = append(must, "fault: "+string(f))
	}
	for _, a := range [][2]store.State{
		{store.Pending, store.Scheduled},
		{store.Pending, store.Running},
		{store.Scheduled, store.Running},
		{store.Pending, store.Skipped},
		{store.Running, store.Succeeded},
		{store.Running, store.Failed},
		{store.Running, store.Tolerated},
		{store.Running, store.Indeterminate},
		{store.Running, store.Pending},
		{store.Failed, store.Running},
		{store.Tolerated, store.Running},
		{store.Indeterminate, store.Running},
		{store.Skipped, store.Running},
		{store.Succeeded, store.RollbackPending},
		{store.Indeterminate, store.RollbackPending},
		{store.Failed, store.RollbackPending},
		{store.RollbackPending, store.RollingBack},
		{store.RollingBack, store.RolledBack},
		{store.RollingBack, store.RollbackFailed},
		{store.RollingBack, store.RollbackPending},
		{store.RollbackFailed, store.RollbackPending},
		{store.RolledBack, store.Running},
	} {
		must = append(must, "op: "+arrow(a[0], a[1]))
	}
	for _, a := range [][2]store.RunState{
		{store.RunStarted, store.RunSucceeded},
		{store.RunStarted, store.RunFailed},
		{store.RunStarted, store.RunRollingBack},
		{store.RunStarted, store.RunAbandoned},
		{store.RunStarted, store.RunWaiting},
		{store.RunWaiting, store.RunStarted},
		{store.RunRollingBack, store.RunRolledBack},
		{store.RunRollingBack, store.RunRollbackFailed},
	} {
		must = append(must, "run: "+arrow(a[0], a[1]))
	}
	return must
}

// BackgroundSometimes is what must happen in a batch of seeds with work in the background.
func BackgroundSometimes() []string {
	must := []string{
		leaseTaken, leaseExpired, leaseLost, recovered, committed, resolved, batchDone, fencedBatch, wentOn, wentOnElse, stopHeard,
		pauseHeard, cancelHeard, sizeHeard, heldOut, leaseRevoked, laneRecovered, anew, halfUndone, renamedWentOn, besideDeploy,
		diedFurther, undoneAndAsked, "fault: " + string(BatchFails),
	}
	for _, f := range Faults {
		if f != DeafOp { // no op in the background is
			must = append(must, "fault: "+string(f))
		}
	}
	for w := store.WantGo; w <= store.WantStop; w++ {
		must = append(must, "asked: "+w.String())
	}
	return must
}

// FleetSometimes is what must happen in a batch of seeds with a fleet.
func FleetSometimes() []string {
	must := []string{
		leaseTaken, leaseExpired, leaseLost, recovered, committed, verified, resolved, livedAgain, resent, recalledOne, recallLate,
		refusedOne, givenBack, foundVoid, foundBegun, undoneByWorker, diedInRun, outlived, noWorker, hereAfterFleet, fleetAfterHere,
		undoneWhenTold,
	}
	for _, what := range []string{"killed", "paused", "told to stop"} {
		must = append(must, "a worker is "+what, "a leader is "+what)
	}
	for _, f := range slices.Concat(Faults, FleetFaults) {
		must = append(must, "fault: "+string(f))
	}
	return must
}

// Missing lists what of these should have happened and did not.
func (c Coverage) Missing(of []string) []string {
	return slices.DeleteFunc(of, func(what string) bool { return c[what] > 0 })
}

// String is a line for each count.
func (c Coverage) String() string {
	var b strings.Builder
	names := make([]string, 0, len(c))
	for what := range c {
		names = append(names, what)
	}
	slices.Sort(names)
	for _, what := range names {
		fmt.Fprintf(&b, "%8d %s\n", c[what], what)
	}
	return b.String()
}
