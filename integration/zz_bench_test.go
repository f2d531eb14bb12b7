package integration_test

import (
	"os"
	"strconv"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
)

func n() int { if os.Getenv("N") != "" { x, _ := strconv.Atoi(os.Getenv("N")); return x }; return 100000 }

func TestZZBench(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	ctx := context.Background()
	l, err := s.Acquire(ctx, seq.Owner{Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var b seq.Batch
	for i := range n() {
		b.Claims = append(b.Claims, seq.Claim{ID: fmt.Sprintf("2024_01_15_%06d_migrate_users", i), Token: seq.NewToken(), Run: "0123456789abcdef0123456789abcdef", Attempt: 1, Generation: 1})
	}
	if r, err := s.Write(ctx, l, b); err != nil || r != nil {
		t.Fatal(r, err)
	}
	t.Log("claims 100k", time.Since(began))
	began = time.Now()
	var o seq.Batch
	for i, c := range b.Claims {
		o.Outcomes = append(o.Outcomes, seq.Outcome{ID: c.ID, Token: c.Token, State: seq.Succeeded, Seq: int64(i + 1)})
	}
	if r, err := s.Write(ctx, l, o); err != nil || r != nil {
		t.Fatal(r, err)
	}
	t.Log("outcomes 100k", time.Since(began))
	for range 5 {
		began = time.Now()
		e, err := s.Load(ctx)
		t.Log("load", len(e), err, time.Since(began))
	}
	began = time.Now()
	for i := range 1000 {
		c := seq.Claim{ID: fmt.Sprintf("b%06d", i), Token: seq.NewToken(), Run: "r", Attempt: 1, Generation: 1}
		if r, err := s.Write(ctx, l, seq.Batch{Claims: []seq.Claim{c}}); err != nil || r != nil {
			t.Fatal(r, err)
		}
		if r, err := s.Write(ctx, l, seq.Batch{Outcomes: []seq.Outcome{{ID: c.ID, Token: c.Token, State: seq.Succeeded}}}); err != nil || r != nil {
			t.Fatal(r, err)
		}
	}
	t.Log("1000 claim+settle", time.Since(began))
}
