package backfill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/sequencer-go/seq/backfill"
)

// A call is made again, with the same key, for the same range; what it found is kept once.
func TestCallsAreMadeAgainWithTheSameKey(t *testing.T) {
	const rows = 600
	for _, parts := range []int{1, 3} {
		s := open(t, rows)
		var mu sync.Mutex
		keys := map[string]string{} // by range
		calls := 0
		boom := errors.New("boom")
		op := foreground(backfill.Calls[int64, string]{
			Job: backfill.Job[int64]{From: keyset, Parts: parts, Size: 50, MinSize: 20},
			Call: func(ctx context.Context, r backfill.Range[int64], key string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				calls++
				if was := keys[r.String()]; was != "" && was != key {
					t.Errorf("rows %s are asked about as %s and as %s", r, was, key)
				}
				keys[r.String()] = key
				if rand.N(4) == 0 {
					return "", boom
				}
				return "found " + r.String(), nil
			},
			Keep: func(ctx context.Context, r backfill.Range[int64], found string) error {
				if rand.N(4) == 0 {
					return boom
				}
				return update(ctx, `UPDATE rows SET n = n + 1, found = ? WHERE id BETWEEN ? AND ?`, found, r.First, r.Last)
			},
		})
		err := boom
		for errors.Is(err, boom) {
			err = run(t, s, op)
		}
		if err != nil {
			t.Fatal(err)
		}
		once(t, s, rows)
		// No range was asked about that was not kept: a crash changes none.
		if n := number(t, s, `SELECT count(DISTINCT found) FROM rows`); n != len(keys) || calls <= n {
			t.Errorf("%d ranges are kept, %d were asked about, in %d calls", n, len(keys), calls)
		}
		distinct := map[string]bool{}
		for _, key := range keys {
			distinct[key] = true
		}
		if len(distinct) != len(keys) {
			t.Errorf("%d keys for %d ranges", len(distinct), len(keys))
		}
	}
}

// A row whose call fails is found by smaller and smaller ranges.
func TestACallThatFailsIsPutAside(t *testing.T) {
	s := open(t, 500)
	op := foreground(backfill.Calls[int64, int64]{
		Job: backfill.Job[int64]{From: keyset, Size: 100, DeadLetters: 2},
		Call: func(_ context.Context, r backfill.Range[int64], _ string) (int64, error) {
			for _, row := range []int64{123, 124} {
				if r.First <= row && row <= r.Last {
					return 0, fmt.Errorf("%w: no such customer", errBad)
				}
			}
			return r.Rows, nil
		},
		Keep: func(ctx context.Context, r backfill.Range[int64], rows int64) error {
			if rows != r.Rows {
				t.Errorf("rows %s: found %d", r, rows)
			}
			return increment(ctx, r)
		},
	})
	if err := run(t, s, op); err != nil {
		t.Fatal(err)
	}
	if n := number(t, s, `SELECT count(*) FROM rows WHERE n = CASE WHEN id IN (123, 124) THEN 0 ELSE 1 END`); n != 500 {
		t.Errorf("%d rows are as they should be, want 500", n)
	}
	if letters, err := backfill.DeadLetters(t.Context(), s, id); err != nil || len(letters) != 2 || !strings.Contains(letters[0].Error, "no such customer") {
		t.Errorf("%v, %v", letters, err)
	}
}
