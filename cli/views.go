package cli

import (
	"errors"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// What --json writes. The names are a promise to scripts.
type (
	opView struct {
		ID         string     `json:"id"`
		Kind       string     `json:"kind"`
		State      string     `json:"state"`
		Registered bool       `json:"registered"`
		Pending    bool       `json:"pending"`
		Due        *time.Time `json:"due,omitempty"`
		WaitsFor   []string   `json:"waits_for,omitempty"`
		Attempt    int        `json:"attempt"`
		Crashes    int        `json:"crashes,omitempty"`
		Run        string     `json:"run,omitempty"`
		Error      string     `json:"error,omitempty"`
		Done       int64      `json:"done,omitempty"`
		Total      int64      `json:"total,omitempty"`
		Refused    string     `json:"refused,omitempty"`
		Delivery   string     `json:"delivery"`
		MayFail    bool       `json:"allowed_to_fail,omitempty"`
		Reversible bool       `json:"reversible"`
		DependsOn  []string   `json:"depends_on,omitempty"`
		Tags       []string   `json:"tags,omitempty"`
		Legal      []string   `json:"legal_now,omitempty"`
		Alias      string     `json:"alias,omitempty"`
		Excluded   string     `json:"excluded,omitempty"`
		Started    *time.Time `json:"started,omitempty"` // of the last attempt, as status tells it
		Finished   *time.Time `json:"finished,omitempty"`
		Seconds    float64    `json:"seconds,omitempty"`

		Background *backgroundView `json:"background,omitempty"`
	}
	ownerView struct {
		Host     string `json:"host"`
		PID      int    `json:"pid"`
		Revision string `json:"revision,omitempty"`
		Actor    string `json:"by,omitempty"`
	}
	holderView struct {
		ownerView
		Since time.Time `json:"since"`
		FreeS float64   `json:"free_in_seconds"`
	}
	attemptView struct {
		ID        string     `json:"id"`
		Number    int        `json:"number"`
		Direction string     `json:"direction"`
		State     string     `json:"state"`
		Run       string     `json:"run"`
		Owner     ownerView  `json:"owner"`
		Started   time.Time  `json:"started"`
		Finished  *time.Time `json:"finished,omitempty"`
		Lost      bool       `json:"lost,omitempty"`
		Error     string     `json:"error,omitempty"`
	}
	runView struct {
		ID       string     `json:"id"`
		Strategy string     `json:"strategy"`
		State    string     `json:"state"`
		Owner    ownerView  `json:"owner"`
		Started  time.Time  `json:"started"`
		Finished *time.Time `json:"finished,omitempty"`
		Reason   string     `json:"reason,omitempty"`
	}
	reportView struct {
		Event     string       `json:"event,omitempty"` // "report", among events
		Run       string       `json:"run,omitempty"`
		Strategy  string       `json:"strategy"`
		State     string       `json:"state"`
		Started   *time.Time   `json:"started,omitempty"`
		Finished  *time.Time   `json:"finished,omitempty"`
		Steps     []resultView `json:"steps"`
		NotUndone []string     `json:"not_undone,omitempty"`
		Earlier   *reportView  `json:"earlier,omitempty"`

		Excluded   []exclusionView `json:"excluded,omitempty"`
		Background []exclusionView `json:"background,omitempty"`

		Error string `json:"error,omitempty"`
		Exit  int    `json:"exit"`
	}
	resultView struct {
		ID      string     `json:"id"`
		Alias   string     `json:"alias,omitempty"`
		State   string     `json:"state"`
		Attempt int        `json:"attempt,omitempty"`
		Retries int        `json:"retries,omitempty"`
		Seconds float64    `json:"seconds,omitempty"`
		Due     *time.Time `json:"due,omitempty"`
		Reason  string     `json:"reason,omitempty"`
		Error   string     `json:"error,omitempty"`
		Effect  string     `json:"effect,omitempty"`
	}
	eventView struct {
		Event     string       `json:"event"`
		Time      time.Time    `json:"time"`
		Run       string       `json:"run,omitempty"`
		Strategy  string       `json:"strategy,omitempty"`
		RunState  string       `json:"run_state,omitempty"`
		ID        string       `json:"id,omitempty"`
		Direction string       `json:"direction,omitempty"`
		Attempt   int          `json:"attempt,omitempty"`
		State     string       `json:"state,omitempty"`
		Reason    string       `json:"reason,omitempty"`
		Error     string       `json:"error,omitempty"`
		Delay     float64      `json:"delay_seconds,omitempty"`
		Done      int64        `json:"done,omitempty"`
		Total     int64        `json:"total,omitempty"`
		Pace      *paceView    `json:"pace,omitempty"` // of an op that works in the background
		Holder    *holderView  `json:"holder,omitempty"`
		Held      *controlView `json:"held,omitempty"` // what keeps runs from beginning
		Plan      string       `json:"plan,omitempty"` // its hash

		Actor   string         `json:"actor,omitempty"`
		Seconds float64        `json:"seconds,omitempty"`
		Counts  map[string]int `json:"counts,omitempty"` // steps by state, at the end of a run
		Log     []string       `json:"log,omitempty"`    // the last lines of the op
	}
)

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func viewOwner(o store.Owner) ownerView { return ownerView{o.Host, o.PID, o.Revision, o.Actor} }

func viewHolder(h *store.LeaseError) *holderView {
	if h == nil {
		return nil
	}
	return &holderView{viewOwner(h.Holder), h.Since.UTC(), h.Expires.Seconds()}
}

func viewOp(o *seq.OpStatus) opView {
	return opView{
		o.ID, o.Kind.String(), o.State.String(), o.Registered, o.Pending(), moment(o.Due), o.Waits, o.Attempt, o.Crashes, o.Run,
		o.Error, o.Done, o.Total, o.Refused, o.Delivery.String(), o.AllowedToFail, o.Reversible, o.DependsOn, o.Tags, nil, o.Alias, o.Excluded, nil, nil, 0,
		viewBackground(o),
	}
}

func viewAttempt(a *store.Attempt) attemptView {
	return attemptView{
		a.ID, a.Number, a.Direction.String(), a.State.String(), a.Run, viewOwner(a.Owner),
		a.Started.UTC(), moment(a.Finished), a.Lost, a.Error,
	}
}

func viewRun(r *store.Run) runView {
	return runView{r.ID, r.Strategy, r.State.String(), viewOwner(r.Owner), r.Started.UTC(), moment(r.Finished), r.Reason}
}

func viewReport(r *seq.Report) *reportView {
	if r == nil {
		return nil
	}
	out := &reportView{
		Run: r.Run, Strategy: r.Strategy, State: r.State.String(), Started: moment(r.Started), Finished: moment(r.Finished),
		Steps: []resultView{}, NotUndone: r.NotUndone, Earlier: viewReport(r.Earlier),
	}
	for _, x := range r.Excluded {
		out.Excluded = append(out.Excluded, exclusionView{x.ID, x.Reason})
	}
	for _, x := range r.Background {
		out.Background = append(out.Background, exclusionView{x.ID, x.Reason})
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		v := resultView{
			ID: s.ID, Alias: s.Alias, State: s.State.String(), Attempt: s.Attempt, Retries: s.Retries, Seconds: s.Duration.Seconds(),
			Due: moment(s.Due), Reason: s.Reason, Error: store.ErrorText(cause(s.Err)),
		}
		if op := (*seq.OpError)(nil); errors.As(s.Err, &op) {
			v.Effect = op.Effect.String()
		}
		out.Steps = append(out.Steps, v)
	}
	return out
}

func viewEvent(e *middleware.Event) eventView {
	v := eventView{
		Event: e.Kind.String(), Time: e.Time.UTC(), Run: e.Run, Strategy: e.Strategy, ID: e.ID, Attempt: e.Attempt,
		Reason: e.Reason, Error: store.ErrorText(cause(e.Err)), Delay: e.Delay.Seconds(), Done: e.Done, Total: e.Total,
		Actor: e.Actor, Seconds: e.Duration.Seconds(), Log: e.Log, Plan: e.Hash,
	}
	for s, n := range e.Counts {
		if v.Counts == nil {
			v.Counts = map[string]int{}
		}
		v.Counts[s.String()] = n
	}
	if e.ID != "" {
		v.Direction = e.Direction.String()
	}
	if e.Pace != (middleware.Pace{}) {
		pace := viewPace(e.Pace)
		v.Pace = &pace
	}
	switch e.Kind {
	case middleware.EventSettled, middleware.EventRecovered:
		v.State = e.State.String()
	case middleware.EventRunFinished:
		v.RunState = e.RunState.String()
	case middleware.EventPlanned, middleware.EventNothingToDo:
		if e.Plan != nil {
			v.Plan = e.Plan.Hash()
		}
	}
	if held := (*store.LeaseError)(nil); errors.As(e.Err, &held) {
		if v.Held = viewControl(held.Held); v.Held == nil {
			v.Holder = viewHolder(held)
		}
	}
	return v
}

// cause is an op's own error, without what is said beside it anyway.
func cause(err error) error {
	if op := (*seq.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}
