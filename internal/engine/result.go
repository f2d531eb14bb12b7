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
	Run       string
	Strategy  string
	State     store.RunState
	Started   time.Time
	Finished  time.Time
	Steps     []StepResult
	Earlier   *Result // of a rollback that another process began
	NotUndone []string
	Findings  []plan.Finding
}

// A StepResult says what became of one op.
type StepResult struct {
	ID       string
	Kind     plan.Kind
	State    store.State
	Failed   bool // and was not allowed to
	Attempt  int
	Retries  int
	Duration time.Duration
	Due      time.Time
	Reason   string
	Err      error
}

// result is the walk's own, with the rounds before it.
func (w *Walk) result(state store.RunState, began time.Time) *Result {
	r := &Result{
		Run: w.session.Run.ID, Strategy: w.strategy, State: state, Started: began, Finished: w.clock.Now(),
		Steps: make([]StepResult, len(w.steps), len(w.steps)+len(w.past)),
	}
	for i := range w.steps {
		s := &w.steps[i]
		r.Steps[i] = s.result()
		if s.state == store.Scheduled {
			r.Steps[i].Due = w.due(i)
		}
		if s.status.Load() != settled && s.reason() == "" {
			r.Steps[i].Reason = "not started"
		}
	}
	for _, s := range w.past {
		r.Steps = append(r.Steps, s.result())
	}
	if w.place != nil {
		slices.SortFunc(r.Steps, func(a, b StepResult) int { return cmp.Compare(w.place[a.ID], w.place[b.ID]) })
	}
	if w.rollback != nil {
		r.NotUndone = w.rollback.notUndone
		for _, s := range w.rollback.foreign {
			r.Steps = append(r.Steps, s.result())
		}
	}
	return r
}

func (s *step) result() StepResult {
	return StepResult{
		ID: s.plan.ID, Kind: s.plan.Kind, State: s.state, Failed: s.failed, Attempt: int(s.number), Retries: int(s.retries),
		Duration: s.took, Reason: s.reason(), Err: s.err(),
	}
}
