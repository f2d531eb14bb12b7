package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Result says what became of a run. Package seq makes a Report of it.
type Result struct {
	Run        string
	Strategy   string
	State      store.RunState
	Started    time.Time
	Finished   time.Time
	Earlier    *Result // of a rollback that another process began
	NotUndone  []string
	Excluded   []plan.Exclusion
	Background []plan.Exclusion
	Findings   []plan.Finding

	walk      *Walk        // whose steps it is about; nil: none of this process
	elsewhere []StepResult // of a run of another process
}

// A StepResult says what became of one op.
type StepResult struct {
	ID       string
	Alias    string
	Kind     plan.Kind
	State    store.State
	Failed   bool // and was not allowed to
	Attempt  int
	Retries  int
	Duration time.Duration
	Due      time.Time
	Reason   string
	Log      []string
	Err      error
}

// result is what became of the walk, and of the rounds before it. Nothing may be running any more.
func (w *Walk) result(state store.RunState, began time.Time) *Result {
	r := &Result{Run: w.session.Run.ID, Strategy: w.strategy, State: state, Started: began, Finished: w.clock.Now(), walk: w}
	r.Excluded, r.Background = w.plan.Excluded, w.plan.Background
	if w.rollback != nil {
		r.NotUndone = w.rollback.notUndone
	}
	return r
}

// Len is how many steps there are.
func (r *Result) Len() int {
	w := r.walk
	switch {
	case w == nil:
		return len(r.elsewhere)
	case w.rollback == nil:
		return len(w.steps) + len(w.past)
	default:
		return len(w.steps) + len(w.past) + len(w.rollback.foreign)
	}
}

// Steps are the results of the steps: those of the plan of the first round in its order, then ops of
// earlier processes that were undone. They are made while the caller asks: a list of them, beside the one
// in the report, would be a tenth of what a run of a million ops has on the heap at its highest.
func (r *Result) Steps(yield func(StepResult) bool) {
	w := r.walk
	if w == nil {
		for _, s := range r.elsewhere {
			if !yield(s) {
				return
			}
		}
		return
	}
	if w.place != nil {
		for _, s := range w.ofAllRounds() {
			if !yield(s) {
				return
			}
		}
	} else {
		for i := range w.steps {
			if !yield(w.stepResult(i)) {
				return
			}
		}
	}
	if w.rollback == nil {
		return
	}
	for _, s := range w.rollback.foreign {
		if !yield(s.result()) {
			return
		}
	}
}

// ofAllRounds are the results of the steps of this round and of those before it.
func (w *Walk) ofAllRounds() []StepResult {
	list := make([]StepResult, 0, len(w.steps)+len(w.past))
	for i := range w.steps {
		list = append(list, w.stepResult(i))
	}
	for _, s := range w.past {
		list = append(list, s.result())
	}
	slices.SortFunc(list, func(a, b StepResult) int { return cmp.Compare(w.place[a.ID], w.place[b.ID]) })
	return list
}

func (w *Walk) stepResult(i int) StepResult {
	s := &w.steps[i]
	r := s.result()
	if s.state == store.Scheduled {
		r.Due = w.due(i)
	}
	if s.status.Load() != settled && r.Reason == "" {
		r.Reason = "not started"
	}
	return r
}

func (s *step) result() StepResult {
	return StepResult{
		ID: s.plan.ID, Alias: s.plan.Alias, Kind: s.plan.Kind, State: s.state, Failed: s.failed, Attempt: int(s.number), Retries: int(s.retries),
		Duration: s.took, Reason: s.reason(), Log: s.log(), Err: s.err(),
	}
}
