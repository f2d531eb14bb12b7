package seqtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about batches.

func (l *ledger) partial() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{
		Outcomes: []store.Outcome{{ID: "x", Token: store.NewToken(), State: store.Succeeded}, {ID: "a", Token: c.Token, State: store.Succeeded}},
		Claims:   []store.Claim{l.claim("b", 5), l.claim("c", 1)},
		Run:      &store.Run{ID: "run", Strategy: "s", Owner: owner},
	}, "x", "b")
	l.want("a", store.Succeeded)
	l.want("b", store.Pending)
	l.want("c", store.Running)
}

func (l *ledger) marks() {
	l.acquire()
	due := time.Date(2031, 5, 6, 2, 0, 0, 123e6, time.UTC)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.Scheduled, Run: "run", NotBefore: due, Reason: "due later"}}})
	if e := l.want("a", store.Scheduled); !e.NotBefore.Equal(due) || e.Error != "due later" || e.Attempt != 0 {
		l.t.Fatalf("the entry is %+v", e)
	}
	c := l.claimed(1)
	if e := l.want("a", store.Running); !e.NotBefore.Equal(due) {
		l.t.Fatalf("a claim forgot the schedule: %+v", e)
	}
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 1, State: store.Skipped}}}, "a")
	l.write(done(c))
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 0, State: store.RollbackPending}, {ID: "b", Attempt: 3, State: store.Skipped}}}, "a", "b")
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 1, State: store.RollbackPending, Run: "later"}}})
	if e := l.want("a", store.RollbackPending); e.Seq == 0 || e.Run != "later" || !e.NotBefore.IsZero() {
		l.t.Fatalf("the entry is %+v", e)
	}
	old := l.lease
	l.next()
	if _, err := l.store.Write(l.ctx, old, store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 1, State: store.Pending}}}); !errors.Is(err, store.ErrLeaseLost) {
		l.t.Fatalf("a mark by a former holder: %v", err)
	}
	l.want("a", store.RollbackPending)
}

func (l *ledger) large() {
	const n = 2500
	l.acquire()
	var b store.Batch
	for i := range n {
		b.Claims = append(b.Claims, l.claim(fmt.Sprintf("op%d", i), 1))
	}
	l.write(b)
	var out store.Batch
	for _, c := range b.Claims {
		out.Outcomes = append(out.Outcomes, store.Outcome{ID: c.ID, Token: c.Token, State: store.Succeeded})
	}
	l.write(out)
	entries, err := l.store.Load(l.ctx)
	l.must(err)
	seen := map[int64]bool{}
	for _, e := range entries {
		seen[e.Seq] = e.State == store.Succeeded
	}
	if len(entries) != n || len(seen) != n {
		l.t.Fatalf("%d entries, %d different places in the order; want %d", len(entries), len(seen), n)
	}
}

func (l *ledger) texts() {
	l.acquire()
	for n, text := range []string{"it's \"quoted\" \\ ; -- ?", "a\x00b", "bad \xff utf-8", strings.Repeat("ü", 10_000), "$1 %s ?0 {}"} {
		stored := store.ErrorText(errors.New(text))
		c := l.claimed(n + 1)
		l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Failed, Error: stored, Saved: []byte(`"` + stored[:1] + `?"`)}}})
		if e := l.want("a", store.Failed); e.Error != stored {
			l.t.Errorf("%q came back as %q", stored, e.Error)
		}
	}
}

func (l *ledger) cancelled() {
	l.acquire()
	ctx, cancel := context.WithCancel(l.ctx)
	cancel()
	if _, err := l.store.Write(ctx, l.lease, store.Batch{Claims: []store.Claim{l.claim("a", 1)}}); err == nil {
		l.t.Error("a write with an ended context succeeded")
	}
	if _, err := l.store.Load(ctx); err == nil {
		l.t.Error("a load with an ended context succeeded")
	}
	l.want("a", store.Pending)
}
