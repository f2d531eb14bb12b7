package seq_test

import (
	"context"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// What an op saved belongs to the generation that saved it: an op that resumes from it starts anew after
// a rollback, or when it is repeated, and is not told of what was done then.
func TestAResumableOpStartsAnew(t *testing.T) {
	for name, s := range every() {
		t.Run(name, func(t *testing.T) {
			var done, found []int // rows written by each call of Run; and what each call of Rollback found
			fail := errBoom
			op := seq.Op{ID: id("a"), Run: func(ctx context.Context) error {
				from := 0
				if _, err := seq.Saved(ctx, &from); err != nil {
					return err
				}
				done = append(done, 10-from)
				if err := seq.Save(ctx, 7); err != nil {
					return err
				}
				if err := fail; err != nil {
					fail = nil
					return err
				}
				return seq.Save(ctx, 10)
			}, Rollback: func(ctx context.Context) error {
				n := -1
				_, err := seq.Saved(ctx, &n)
				found = append(found, n)
				return err
			}}
			b := newBench(t, s, op)
			_, _ = b.run() // a strategy may have undone it: then the next run is of another generation
			b.mustRun()
			b.mustRun(seq.Repeat())
			if _, err := b.seq.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.mustRun()
			if n := len(done); n < 4 || done[n-1] != 10 || done[n-2] != 10 {
				t.Errorf("the calls did %v rows; want all 10 when repeated, and after a rollback", done)
			}
			if n := len(found); n == 0 || found[n-1] != 10 {
				t.Errorf("the rollbacks found %v", found)
			}
		})
	}
}

// What was claimed to be repeated, beside the outcome of the op before it, and was never called keeps
// what it had saved, for its rollback.
func TestWhatIsNotCalledKeepsWhatItSaved(t *testing.T) {
	found, calls, stop := "", 0, func() {}
	a := seq.Op{ID: id("a"), Run: func(context.Context) error { stop(); return nil }, Rollback: nothing}
	b := seq.Op{ID: id("b"), Run: func(ctx context.Context) error { calls++; return seq.Save(ctx, "saved") }, Rollback: func(ctx context.Context) error {
		_, err := seq.Saved(ctx, &found)
		return err
	}}
	bench := newBench(t, seq.Sequential(), a, b)
	bench.mustRun()
	ctx, cancel := context.WithCancel(t.Context())
	stop = cancel
	_, _ = bench.seq.Run(ctx, seq.Repeat())
	history, err := bench.store.History(t.Context(), b.ID, store.Page{Limit: 9})
	if err != nil || calls != 1 || len(history) != 2 || !history[0].Withdrawn {
		t.Fatalf("%d calls, %+v, %v; want one that was claimed and not called", calls, history, err)
	}
	if _, err := bench.seq.Rollback(t.Context(), seq.Only(a.ID, b.ID)); err != nil || found != "saved" {
		t.Errorf("its rollback found %q, %v", found, err)
	}
}
