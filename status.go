package seq

import (
	"context"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Status is how everything stands: in the code and in the ledger.
type Status struct {
	Now    time.Time
	Ops    []OpStatus        // registered or known to the ledger, in chronological order
	Holder *store.LeaseError `json:",omitempty"` // who holds the ledger now, nil if nobody does
	// Control is what somebody asked of runs: see [Sequencer.Stop]; nil if nothing ever was.
	Control *Control `json:",omitempty"`
	// NoWorker says that ops in the background are left, and no living process works on such.
	NoWorker bool `json:",omitempty"`
	// Findings are the runs that were to undo what they did unless they came to an end, and have none.
	Findings []plan.Finding `json:",omitempty"`
}

// OpStatus is how one op stands.
type OpStatus struct {
	ID            string
	Kind          Kind
	Registered    bool // the code has it
	State         State
	Waits         []string  `json:",omitempty"` // the dependencies that are not done
	Due           time.Time // zero if it has no schedule, or nobody has enrolled it
	Attempt       int
	Crashes       int
	Run           string `json:",omitempty"`
	Error         string `json:",omitempty"` // of the last attempt, or the reason for a skip
	Done          int64  // see [Progress]
	Total         int64
	Refused       string `json:",omitempty"` // why no run will call it
	Need          Need   // what it asks of whoever waits for the deploy
	Excluded      string `json:",omitempty"` // why no run takes it up in this environment
	Delivery      Delivery
	AllowedToFail bool
	Reversible    bool
	DependsOn     []string `json:",omitempty"`
	Tags          []string `json:",omitempty"`
	Alias         string   `json:",omitempty"` // see [Op]
	Environments  []string `json:",omitempty"` // see [Op]; none means all

	Background bool      `json:",omitempty"` // see [Op]
	Pace       Pace      `json:",omitzero"`  // of a Resumable op, as its last checkpoint had it
	Moved      time.Time `json:",omitzero"`  // when Done was reported last, by the store's clock
	Kept       string    `json:",omitempty"` // why nobody takes up this op in the background; "" if nothing keeps it back
	Control    *Control  `json:",omitempty"` // what was asked of it, and why it does not move; nil if nothing ever was
}

// Pending reports whether a run would take the op up, now or when it is due.
func (o *OpStatus) Pending() bool { return o.Registered && !o.State.Done() && o.Excluded == "" }

// Failed reports whether the op's last attempt, of either direction, failed, also if that was tolerated.
// It is false of one that nobody knows the end of: its state says so.
func (o *OpStatus) Failed() bool {
	return o.State == Failed || o.State == Tolerated || o.State == RollbackFailed
}

// Op is how one op stands, by the ID that it has now; nil if neither the code nor the ledger knows it, or
// the options of the call left it out.
func (s *Status) Op(id string) *OpStatus {
	for i := range s.Ops {
		if s.Ops[i].ID == id {
			return &s.Ops[i]
		}
	}
	return nil
}

// Succeeded reports whether the op has succeeded and was not undone since. One that a person waived has
// not: ask Op for its State. It is false for an ID that Op does not find.
func (s *Status) Succeeded(id string) bool {
	o := s.Op(id)
	return o != nil && o.State == Succeeded
}

// Failed reports whether the op's last attempt failed, see OpStatus.Failed. It is false for an ID that Op
// does not find.
func (s *Status) Failed(id string) bool {
	o := s.Op(id)
	return o != nil && o.Failed()
}

// Errors are the texts of what went wrong with ops the last time, by ID: of those that failed, were
// tolerated, are indeterminate, or could not be undone. The texts of earlier attempts are in store.Store's
// History.
func (s *Status) Errors() map[string]string {
	texts := map[string]string{}
	for i := range s.Ops {
		if o := &s.Ops[i]; o.Failed() || o.State == Indeterminate {
			texts[o.ID] = o.Error
		}
	}
	return texts
}

// Status reads how everything stands, in four queries, and two more if work in the background is left. It locks nothing and writes nothing.
func (s *Sequencer) Status(ctx context.Context, opts ...RunOption) (*Status, error) {
	e, c, err := s.engine(ctx, statusCall, opts)
	if err != nil {
		return nil, err
	}
	p, err := e.Load(ctx, &c.Request, e.Full)
	if err != nil {
		return nil, err
	}
	if err := e.Besides(ctx, p); err != nil {
		return nil, err
	}
	st := &Status{Now: p.Now(), Findings: p.Unfinished(true), NoWorker: p.NoWorker()}
	switch c, err := s.ledger.Control(ctx, store.RunLease); {
	case err != nil:
		return nil, err
	case c.Number > 0:
		st.Control = &c
	}
	if st.Holder, err = s.ledger.Holder(ctx, store.RunLease); err != nil {
		return nil, err
	}
	ops, err := p.Status()
	if err != nil {
		return nil, err
	}
	st.Ops = make([]OpStatus, len(ops))
	for i := range ops {
		st.Ops[i] = statusOf(&ops[i])
	}
	return st, nil
}

func statusOf(o *engine.OpStatus) OpStatus {
	out := OpStatus{Need: o.Need, Refused: o.Refused, Excluded: o.Excluded, Waits: o.Waits}
	if e := o.Entry; e != nil {
		out.ID, out.Delivery = e.ID, e.Delivery
		out.State, out.Due, out.Attempt, out.Crashes = e.State, e.NotBefore, e.Attempt+o.Earlier, e.Crashes
		out.Run, out.Error, out.Done, out.Total = e.Run, e.Error, e.Done, e.Total
		out.Moved = e.Moved
		if o.Task != nil && o.Task.Delivery == Resumable {
			out.Pace = paceOf(e.Saved)
		}
	}
	if t := o.Task; t != nil {
		out.ID, out.Kind, out.Registered, out.Delivery, out.AllowedToFail = t.ID, t.Kind, true, t.Delivery, t.AllowedToFail
		out.Reversible, out.DependsOn, out.Tags, out.Environments = t.Rollback != nil, t.DependsOn, t.Tags, t.Environments
		out.Alias, out.Background, out.Control, out.Kept = t.Alias, t.Background, o.Control, o.Kept
	}
	return out
}
