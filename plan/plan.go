// Package plan says what a plan is, and has the planners: how a list of steps becomes a plan of what
// waits for what.
//
// A [Planner] gets an [Input], valid steps in chronological order, and returns a [Plan]. A plan is pure
// data: it can be printed, hashed, kept as JSON and sent to another machine. Planners are deterministic,
// respect declared dependencies, and compose: [TimeGated] and [Reversible] take one and return one.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/store"
)

// A Plan is the whole decision, made before anything runs: seq.Preview returns it, and seq.Run executes
// exactly it. Steps stand in an order that respects After.
type Plan struct {
	Strategy string
	Steps    []Step
	// Undo names the ops of a rollback that was interrupted: a run goes on with it first.
	Undo []string `json:",omitempty"`
	// Findings are where code and ledger differ, but for those that the policy allows.
	Findings []Finding `json:",omitempty"`
	// Excluded are the ops that are left to do and are no steps, because they are for another
	// environment. A plan that has nothing else is empty.
	Excluded []Exclusion `json:",omitempty"`
	// Background are the ops that are left to do and are no steps, because they work beside deploys, with how
	// far they are. A plan that has nothing else is empty.
	Background []Exclusion `json:",omitempty"`
	// Direction is store.Rollback for the plan of a rollback, whose steps stand in the order of
	// undoing.
	Direction store.Direction
}

// A Step is one op's place in a plan. It says what the op declared, and what the planner decided; it
// holds no function.
type Step struct {
	ID            string
	Alias         string `json:",omitempty"` // another name by which people know the op, see seq.Op
	Kind          Kind
	Delivery      store.Delivery
	DeliveryNote  string   `json:",omitempty"` // for people, see Promise
	Connections   int      `json:",omitempty"` // that the op holds at a time, beside the one that the ledger needs
	AllowedToFail bool     `json:",omitempty"`
	Reversible    bool     `json:",omitempty"` // the op has a Rollback
	Conditional   bool     `json:",omitempty"` // the op has a condition, which is asked just before it starts
	Irreversible  bool     `json:",omitempty"` // the strategy rolls back, and this step cannot be undone
	Tags          []string `json:",omitempty"`
	DependsOn     []string `json:",omitempty"` // as declared, also what is done already
	Checksum      string   `json:",omitempty"` // of the op's source; may be empty

	Retry   Retry         `json:",omitzero"`  // the op's own; zero: as the strategy has it
	Timeout time.Duration `json:",omitempty"` // of each call, the op's own; 0: as the strategy has it

	After     []int     `json:",omitempty"` // indices of the steps that must settle first; all smaller than its own
	Wave      int       // counted from 0; steps of one wave may overlap, waves follow each other
	NotBefore time.Time `json:",omitzero"`  // when the step is due; zero: at once
	Skip      string    `json:",omitempty"` // the reason, when the step will not run

	// Refused is why the run will not call the op and count it as failed: going by the ledger, its
	// effect may be there, or it killed its process too often.
	Refused string `json:",omitempty"`

	// Notes are what the op's Inspect has to say.
	Notes []string `json:",omitempty"`

	// Index is the step's place in the planner's input. A planner carries it over with the rest of the
	// step; it is a hint that saves a search, and need not be right.
	Index int `json:"-"`
}

// Promise is the step's Delivery with its DeliveryNote, for people; "" for one that is Repeatable and has
// no note.
func (s *Step) Promise() string {
	switch {
	case s.Delivery != store.Repeatable && s.DeliveryNote == "":
		return s.Delivery.String()
	case s.Delivery != store.Repeatable:
		return s.Delivery.String() + " " + s.DeliveryNote
	case s.DeliveryNote != "":
		return s.Delivery.String() + ": " + s.DeliveryNote
	}
	return ""
}

// An Exclusion names an op that the plan leaves out, and says why.
type Exclusion struct {
	ID     string
	Reason string
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Undo) == 0 }

// Hash is a short text that is the same for two plans that would do the same: the same steps, in the
// same order, waiting for the same, made from the same sources. When a step is due does not count.
// See seq.Expect.
func (p *Plan) Hash() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d %q\n", p.Strategy, p.Direction, p.Undo)
	for i := range p.Steps {
		s := &p.Steps[i]
		_, _ = fmt.Fprintf(h, "%q %d %d %v %d %q %q %q\n", s.ID, s.Kind, s.Delivery, s.After, s.Wave, s.Skip, s.Refused, s.Checksum)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// IDs are the IDs of the steps, in order.
func (p *Plan) IDs() []string {
	ids := make([]string, len(p.Steps))
	for i := range p.Steps {
		ids[i] = p.Steps[i].ID
	}
	return ids
}

// Waves are the IDs of the steps, wave by wave.
func (p *Plan) Waves() [][]string {
	var waves [][]string
	for i := range p.Steps {
		w := p.Steps[i].Wave
		for len(waves) <= w {
			waves = append(waves, nil)
		}
		waves[w] = append(waves[w], p.Steps[i].ID)
	}
	return waves
}
