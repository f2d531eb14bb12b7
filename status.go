package seq

import (
	"context"
	"github.com/sequencer-go/seq/store"
	"slices"
	"strings"
	"time"
)

// A Status is how everything stands: in the code and in the ledger.
type Status struct {
	Now    time.Time
	Ops    []OpStatus        // registered or known to the ledger, in chronological order
	Holder *store.LeaseError `json:",omitempty"` // who holds the ledger now, nil if nobody does
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
	Delivery      Delivery
	AllowedToFail bool
	Reversible    bool
	DependsOn     []string `json:",omitempty"`
	Tags          []string `json:",omitempty"`
}

// Pending reports whether a run would take the op up, now or when it is due.
func (o *OpStatus) Pending() bool { return o.Registered && !o.State.Done() }

// Status reads how everything stands, in two queries. It locks nothing and writes nothing.
func (s *Sequencer) Status(ctx context.Context, opts ...RunOption) (*Status, error) {
	s, sel, err := s.with(opts)
	if err != nil {
		return nil, err
	}
	p, err := s.load(ctx, sel, s.read)
	if err != nil {
		return nil, err
	}
	st := &Status{Now: p.now, Ops: make([]OpStatus, 0, len(p.catalog.ops))}
	if st.Holder, err = s.store.Holder(ctx, store.RunLease); err != nil {
		return nil, err
	}
	for i := range p.catalog.ops {
		o := &p.catalog.ops[i]
		if !sel.takes(o) {
			continue
		}
		out := OpStatus{
			ID: o.op.ID, Kind: o.op.Kind, Registered: true, Delivery: o.op.Delivery, AllowedToFail: o.op.AllowedToFail,
			Reversible: o.op.Rollback != nil, DependsOn: o.op.DependsOn, Tags: o.op.Tags,
		}
		if e := p.entries[o.op.ID]; e != nil {
			out.fill(e)
			if err := doubt(o.op, e); err != nil && e.State != RollbackPending && !e.State.Open() {
				out.Refused = err.Error()
			}
		}
		for _, id := range o.op.DependsOn {
			if now, known := p.catalog.index[id]; known {
				id = p.catalog.ops[now].op.ID
			}
			if !out.State.Done() && !p.done(id) {
				out.Waits = append(out.Waits, id)
			}
		}
		st.Ops = append(st.Ops, out)
	}
	for _, e := range p.entries {
		if _, known := p.catalog.index[e.ID]; !known && sel.takes(p.catalog.stamped(e.ID)) {
			out := OpStatus{ID: e.ID, Delivery: e.Delivery}
			out.fill(e)
			st.Ops = append(st.Ops, out)
		}
	}
	slices.SortStableFunc(st.Ops, func(a, b OpStatus) int {
		x, y := p.catalog.stamped(a.ID), p.catalog.stamped(b.ID)
		if c := x.at.Compare(y.at); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return st, nil
}

// fill takes over what the ledger knows.
func (o *OpStatus) fill(e *store.Entry) {
	o.State, o.Due, o.Attempt, o.Crashes = e.State, e.NotBefore, e.Attempt, e.Crashes
	o.Run, o.Error, o.Done, o.Total = e.Run, e.Error, e.Done, e.Total
}
