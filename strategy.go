package seq

import (
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
)

// A Strategy is a planner, an executor and the middleware around them: plain data. A nil field
// is the one of [Sequential], so the zero strategy is Sequential. Package strategies has the six that
// ship.
type Strategy struct {
	Name       string // "" means "custom"
	Planner    plan.Planner
	Executor   exec.Executor
	Middleware []middleware.Middleware // the first is outermost; their order is a law, see middleware.Layer
}

// Sequential is the default: in chronological order, one after another, recorded, and stopping
// at the first failure that is not allowed.
func Sequential() Strategy {
	return Strategy{
		Name:       "sequential",
		Planner:    plan.Chronological(),
		Executor:   exec.Serial(),
		Middleware: []middleware.Middleware{middleware.Record(), middleware.Tolerate()},
	}
}

// SequencerPart makes a Strategy something that [Sequencer.Use] takes.
func (Strategy) SequencerPart() {}

// complete returns the strategy with the parts of Sequential where it has none.
func (st Strategy) complete() Strategy {
	def := Sequential()
	if st.Name == "" {
		st.Name = "custom"
		if st.Planner == nil && st.Executor == nil && st.Middleware == nil {
			st.Name = def.Name
		}
	}
	if st.Planner == nil {
		st.Planner = def.Planner
	}
	if st.Executor == nil {
		st.Executor = def.Executor
	}
	if st.Middleware == nil {
		st.Middleware = def.Middleware
	}
	return st
}

// Drift says what to do where code and ledger differ. It is a [Part]; without it, and as its zero
// value, every finding is a warning in the plan.
//
// Of a migration that is a file, with an Alias and a Checksum, the version is the identity, and so
// its ID's timestamp: where the ledger has another ID of that timestamp that the code does not have,
// the file was given another name if the checksums are equal. It then counts as done, as with
// RenamedFrom, and a finding of the kind "renamed" says so. If the checksums differ, the plan is
// refused with an error that matches [ErrDrift] and names both, whatever the policy is.
type Drift struct {
	// Changed is for a step whose Checksum is not the one it succeeded with.
	Changed Policy
	// Missing is for a step that succeeded with a Checksum and is not registered any more. Ops
	// without a Checksum come and go; nobody calls that drift.
	Missing Policy
	// Late is for a migration that has not run although a younger one has.
	Late Policy
}

// SequencerPart makes Drift something that [Sequencer.Use] takes.
func (Drift) SequencerPart() {}
