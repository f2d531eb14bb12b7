package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
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

func (w *World) count(what string)   { w.cov[what]++ }
func (w *World) happens(f Fault)     { w.cov["fault: "+string(f)]++ }
func arrow(a, b fmt.Stringer) string { return a.String() + " → " + b.String() }

func (w *World) passes(from, to seq.State) {
	if from != to {
		w.cov["op: "+arrow(from, to)]++
	}
}

func (w *World) passesRun(before *seq.Run, to seq.RunState) {
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
	for _, a := range [][2]seq.State{
		{seq.Pending, seq.Scheduled},
		{seq.Pending, seq.Running},
		{seq.Scheduled, seq.Running},
		{seq.Pending, seq.Skipped},
		{seq.Running, seq.Succeeded},
		{seq.Running, seq.Failed},
		{seq.Running, seq.Tolerated},
		{seq.Running, seq.Indeterminate},
		{seq.Running, seq.Pending},
		{seq.Failed, seq.Running},
		{seq.Tolerated, seq.Running},
		{seq.Indeterminate, seq.Running},
		{seq.Skipped, seq.Running},
		{seq.Succeeded, seq.RollbackPending},
		{seq.Indeterminate, seq.RollbackPending},
		{seq.Failed, seq.RollbackPending},
		{seq.RollbackPending, seq.RollingBack},
		{seq.RollingBack, seq.RolledBack},
		{seq.RollingBack, seq.RollbackFailed},
		{seq.RollingBack, seq.RollbackPending},
		{seq.RollbackFailed, seq.RollbackPending},
		{seq.RolledBack, seq.Running},
	} {
		must = append(must, "op: "+arrow(a[0], a[1]))
	}
	for _, a := range [][2]seq.RunState{
		{seq.RunStarted, seq.RunSucceeded},
		{seq.RunStarted, seq.RunFailed},
		{seq.RunStarted, seq.RunRollingBack},
		{seq.RunStarted, seq.RunAbandoned},
		{seq.RunStarted, seq.RunWaiting},
		{seq.RunWaiting, seq.RunStarted},
		{seq.RunRollingBack, seq.RunRolledBack},
		{seq.RunRollingBack, seq.RunRollbackFailed},
	} {
		must = append(must, "run: "+arrow(a[0], a[1]))
	}
	return must
}

// Missing lists what should have happened and did not.
func (c Coverage) Missing() []string {
	return slices.DeleteFunc(Sometimes(), func(what string) bool { return c[what] > 0 })
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
