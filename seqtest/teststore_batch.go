package seqtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
)

// The rules of [TestStore] about batches.

func (l *ledger) partial() {
	l.acquire()
	c := l.claimed(1)
	l.write(seq.Batch{
		Outcomes: []seq.Outcome{{ID: "x", Token: seq.NewToken(), State: seq.Succeeded}, {ID: "a", Token: c.Token, State: seq.Succeeded, Seq: 1}},
		Claims:   []seq.Claim{l.claim("b", 5), l.claim("c", 1)},
		Run:      &seq.Run{ID: "run", Strategy: "s", Owner: owner},
	}, "x", "b")
	l.want("a", seq.Succeeded)
	l.want("b", seq.Pending)
	l.want("c", seq.Running)
}

func (l *ledger) marks() {
	l.acquire()
	due := time.Date(2031, 5, 6, 2, 0, 0, 123e6, time.UTC)
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", State: seq.Scheduled, Run: "run", NotBefore: due, Reason: "due later"}}})
	if e := l.want("a", seq.Scheduled); !e.NotBefore.Equal(due) || e.Error != "due later" || e.Attempt != 0 {
		l.t.Fatalf("the entry is %+v", e)
	}
	c := l.claimed(1)
	if e := l.want("a", seq.Running); !e.NotBefore.Equal(due) {
		l.t.Fatalf("a claim forgot the schedule: %+v", e)
	}
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 1, State: seq.Skipped}}}, "a")
	l.write(done(c))
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 0, State: seq.RollbackPending}, {ID: "b", Attempt: 3, State: seq.Skipped}}}, "a", "b")
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 1, State: seq.RollbackPending, Run: "later"}}})
	if e := l.want("a", seq.RollbackPending); e.Seq != 1 || e.Run != "later" || !e.NotBefore.IsZero() {
		l.t.Fatalf("the entry is %+v", e)
	}
	old := l.lease
	l.next()
	if _, err := l.store.Write(l.ctx, old, seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 1, State: seq.Pending}}}); !errors.Is(err, seq.ErrLeaseLost) {
		l.t.Fatalf("a mark by a former holder: %v", err)
	}
	l.want("a", seq.RollbackPending)
}

func (l *ledger) large() {
	const n = 2500
	l.acquire()
	var b seq.Batch
	for i := range n {
		b.Claims = append(b.Claims, l.claim(fmt.Sprintf("op%d", i), 1))
	}
	l.write(b)
	var out seq.Batch
	for i, c := range b.Claims {
		out.Outcomes = append(out.Outcomes, seq.Outcome{ID: c.ID, Token: c.Token, State: seq.Succeeded, Seq: int64(i + 1)})
	}
	l.write(out)
	entries, err := l.store.Load(l.ctx)
	l.must(err)
	seen := map[int64]bool{}
	for _, e := range entries {
		seen[e.Seq] = e.State == seq.Succeeded
	}
	if len(entries) != n || len(seen) != n {
		l.t.Fatalf("%d entries, %d different places in the order; want %d", len(entries), len(seen), n)
	}
}

func (l *ledger) texts() {
	l.acquire()
	for n, text := range []string{"it's \"quoted\" \\ ; -- ?", "a\x00b", "bad \xff utf-8", strings.Repeat("ü", 10_000), "$1 %s ?0 {}"} {
		stored := seq.ErrorText(errors.New(text))
		c := l.claimed(n + 1)
		l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Failed, Error: stored, Saved: []byte(`"` + stored[:1] + `?"`)}}})
		if e := l.want("a", seq.Failed); e.Error != stored {
			l.t.Errorf("%q came back as %q", stored, e.Error)
		}
	}
}

func (l *ledger) cancelled() {
	l.acquire()
	ctx, cancel := context.WithCancel(l.ctx)
	cancel()
	if _, err := l.store.Write(ctx, l.lease, seq.Batch{Claims: []seq.Claim{l.claim("a", 1)}}); err == nil {
		l.t.Error("a write with an ended context succeeded")
	}
	if _, err := l.store.Load(ctx); err == nil {
		l.t.Error("a load with an ended context succeeded")
	}
	l.want("a", seq.Pending)
}
