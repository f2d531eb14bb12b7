package seq_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

func TestAPlanAndAReportNameWhatWorksInTheBackground(t *testing.T) {
	s := seq.New(store.NewMemory(), nop(expandID), (&counted{}).op(10))
	p, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Exclusion{ID: plansID, Reason: "not begun; no process works in the background"}
	if len(p.Background) != 1 || p.Background[0] != want || !strings.HasSuffix(p.String(), "background: "+plansID+"  ("+want.Reason+")\n") {
		t.Errorf("the plan has %+v\n%s", p.Background, p)
	}
	for range 2 { // the second has nothing to do
		report, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Background) != 1 || report.Background[0].ID != plansID || !strings.HasSuffix(report.String(), "  background       "+plansID+"  (not begun)\n") {
			t.Errorf("the report has %+v\n%s", report.Background, report)
		}
	}
}

// workingFor calls Work for somebody, until stop.
func workingFor(t *testing.T, s *seq.Sequencer, actor string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Work(ctx, seq.By(actor)) }()
	return func() { cancel(); <-ended }
}

func TestStatusSaysWhoWorksInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		s := seq.New(ledger, c.op(10))
		if st, err := s.Status(t.Context()); err != nil || !st.NoWorker || st.Op(plansID).Worker != nil {
			t.Errorf("before anybody works: %+v, %v", st, err)
		}
		stop := workingFor(t, s, "ann")
		time.Sleep(2500 * time.Millisecond)
		for what, other := range map[string]*seq.Sequencer{"the same code": s, "code that does not have the op": seq.New(ledger, nop(expandID))} {
			if o := statusOf(t, other, plansID); o.State != seq.Running || !o.Background || o.Worker == nil || o.Worker.Holder.Actor != "ann" {
				t.Errorf("while ann works, by %s: %+v", what, o)
			}
		}
		stop()
		if st, err := s.Status(t.Context()); err != nil || !st.NoWorker || st.Op(plansID).Worker != nil || st.Op(plansID).State != seq.Pending {
			t.Errorf("when nobody works: %+v, %v", st, err)
		}
		if _, err := s.Cancel(t.Context(), plansID, seq.By("ann"), seq.Because("it was a mistake")); err != nil {
			t.Fatal(err)
		}
		if st, err := s.Status(t.Context()); err != nil || st.NoWorker {
			t.Errorf("nobody has to work on what was cancelled: %+v, %v", st, err)
		}
	})
}

func TestStatusSaysThatNobodyWorksAfterADeath(t *testing.T) {
	ledger := store.NewMemory()
	s := seq.New(ledger, (&counted{}).op(10))
	lease, err := ledger.Acquire(t.Context(), store.LanePrefix+plansID, store.Owner{Host: "dead"})
	if err != nil {
		t.Fatal(err)
	}
	claim := store.Claim{ID: plansID, Token: store.NewToken(), Delivery: seq.Resumable, Attempt: 1, Generation: 1}
	if _, err := ledger.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{claim}}); err != nil {
		t.Fatal(err)
	}
	if o := statusOf(t, s, plansID); o.Worker == nil || o.Worker.Holder.Host != "dead" {
		t.Errorf("while its lane is held: %+v", o)
	}
	if err := ledger.Revoke(t.Context(), lease.Name); err != nil {
		t.Fatal(err)
	}
	if o := statusOf(t, s, plansID); o.Worker != nil || o.State != seq.Running {
		t.Errorf("when its lane is free: %+v", o)
	}
}
