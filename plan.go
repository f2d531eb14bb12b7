package seq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// A Plan is the whole decision, made before anything runs. Preview returns it, Run executes
// exactly it. Steps stand in an order that respects After.
type Plan struct {
	Strategy string
	Steps    []Step
	// Undo names the ops of a rollback that was interrupted: Run first goes on with it.
	Undo []string
	// Findings are where code and ledger have drifted apart, but for those that the policy allows.
	Findings []Finding
	// Direction is Rollback for the plan of a rollback, whose steps stand in the order of undoing.
	Direction Direction
}

// A Step is one op's place in a plan.
type Step struct {
	Op        *Op
	After     []int     // indices of the steps that must settle first; all smaller than its own
	Wave      int       // counted from 0; steps of one wave may overlap, waves follow each other
	NotBefore time.Time // zero: at once
	Skip      string    // the reason, when the step will not run
	// Irreversible marks a step whose op has no Rollback in a strategy that rolls back.
	Irreversible bool
	// Refused is why the run will not call the op and count it as failed: going by the ledger,
	// its effect may be there, or it killed its process too often.
	Refused string

	input    int // its index in the planner's input
	declared int // so many of After, the first, are what the op declared to depend on
}

// A Planner turns ops into a plan. It must not keep or change the input, and must decide from
// the input alone, so that the same input gives the same plan.
type Planner interface {
	Plan(ctx context.Context, in Input) (*Plan, error)
}

// Input is what there is to plan: valid, without cycles, and complete in itself.
type Input struct {
	// Steps are those to plan, in chronological order. After holds the steps that the op
	// declared to depend on, and NotBefore when it is due; Wave is 0.
	Steps []Step
	// Now is the time of the decision.
	Now time.Time
}

// Arrange returns the plan that has the input's steps in the given order, a list of indices
// without repetition. After is carried over; an After that is not in the list is dropped.
func (in Input) Arrange(order []int) *Plan {
	place := make([]int, len(in.Steps))
	for at, i := range order {
		place[i] = at + 1
	}
	room := len(order) // one more for each, because many planners add one
	for _, i := range order {
		room += len(in.Steps[i].After)
	}
	steps, flat := make([]Step, len(order)), make([]int, 0, room)
	for at, i := range order {
		steps[at] = in.Steps[i]
		from := len(flat)
		for _, j := range in.Steps[i].After {
			if place[j] > 0 {
				flat = append(flat, place[j]-1)
			}
		}
		to := len(flat)
		flat = flat[:to+1]
		steps[at].After = flat[from : to : to+1]
	}
	return &Plan{Steps: steps}
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Undo) == 0 }

// Hash is a short text that is the same for two plans that would do the same: the same steps, in the
// same order, waiting for the same, made from the same sources. When a step is due does not count.
// See [Expect].
func (p *Plan) Hash() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d %q\n", p.Strategy, p.Direction, p.Undo)
	for i := range p.Steps {
		s := &p.Steps[i]
		_, _ = fmt.Fprintf(h, "%q %d %d %v %d %q %q %q\n", s.Op.ID, s.Op.Kind, s.Op.Delivery, s.After, s.Wave, s.Skip, s.Refused, s.Op.Checksum)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// IDs are the IDs of the steps, in order.
func (p *Plan) IDs() []string {
	ids := make([]string, len(p.Steps))
	for i := range p.Steps {
		ids[i] = p.Steps[i].Op.ID
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
		waves[w] = append(waves[w], p.Steps[i].Op.ID)
	}
	return waves
}

// String draws the plan, a line per step under its wave; without waves if all hold one step.
func (p *Plan) String() string {
	var b strings.Builder
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "%s\n", f)
	}
	if p.Empty() {
		b.WriteString("nothing is pending\n")
		return b.String()
	}
	if len(p.Undo) > 0 {
		fmt.Fprintf(&b, "first, an interrupted rollback goes on: %s\n", strings.Join(p.Undo, ", "))
	}
	serial := len(p.Steps) > 0 && p.Steps[len(p.Steps)-1].Wave == len(p.Steps)-1
	wave := -1
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Wave != wave && !serial {
			wave = s.Wave
			fmt.Fprintf(&b, "wave %d\n", wave+1)
		}
		fmt.Fprintf(&b, "  %s%s\n", s.Op.ID, s.notes())
	}
	return b.String()
}

// notes is what is worth saying of a step behind its ID.
func (s *Step) notes() string {
	var notes []string
	add := func(when bool, note string) {
		if when {
			notes = append(notes, note)
		}
	}
	add(s.Op.Kind == Migration, "migration")
	add(s.Op.Delivery != Repeatable, s.Op.Delivery.String())
	add(s.Op.AllowedToFail, "allowed to fail")
	add(s.Op.ShouldRun != nil, "conditional")
	add(len(s.Op.DependsOn) > 0, "after "+strings.Join(s.Op.DependsOn, ", "))
	add(!s.NotBefore.IsZero(), "not before "+s.NotBefore.UTC().Format(time.RFC3339))
	add(s.Irreversible, "cannot be undone")
	add(s.Skip != "", "skipped: "+s.Skip)
	add(s.Refused != "", "refused: "+s.Refused)
	if len(notes) == 0 {
		return ""
	}
	return "  (" + strings.Join(notes, "; ") + ")"
}
