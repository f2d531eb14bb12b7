package cli_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
)

// TestPoliciesAreShown: what an op asks for, and why one is left out, is in every view of a plan.
func TestPoliciesAreShown(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	d := newDesk(t,
		seq.Op{ID: "2024_01_15_110000_mask", Run: nothing, Environments: []string{"staging"}},
		seq.Op{ID: "2024_01_15_110100_call", Run: nothing, Retry: seq.Retry{Attempts: 3}, Timeout: time.Minute},
		seq.Op{ID: "2024_01_15_110200_look", Run: func(context.Context) error { return seq.Skip("no rows") }},
	)
	d.want(cli.Refused, []string{"no environment is set", "2024_01_15_110000_mask"}, "run")
	d.s.Use(seq.InEnvironment("production"))
	excluded := []string{"excluded: 2024_01_15_110000_mask", "for staging, and this is production"}
	d.want(cli.OK, append(excluded, "up to 3 calls", "time-out 1m"), "plan")
	d.want(cli.OK, []string{`"excluded":[{"id":"2024_01_15_110000_mask","reason":"for staging, and this is production"}]`, `"calls":3`, `"timeout_seconds":60`}, "plan", "--json")
	d.want(cli.OK, append(excluded, "no rows"), "run")
	d.want(cli.OK, excluded[1:], "status")
	d.want(cli.OK, excluded[1:], "show", "mask")
}

// TestProgressIsThrottledInJSON: who follows a run by its events is not flooded either.
func TestProgressIsThrottledInJSON(t *testing.T) {
	d := newDesk(t, seq.Op{ID: "2024_01_15_110000_flood", Run: func(ctx context.Context) error {
		seq.Logger(ctx).Info("half way")
		for i := range int64(10_000) {
			_ = seq.Progress(ctx, i+1, 10_000)
			runtime.Gosched() // let the watcher hear it, or it hears of the last only
		}
		return nil
	}})
	out := d.want(cli.OK, []string{`"counts":{`, `"seconds":`, "half way"}, "run", "--json")
	if n := strings.Count(out, `"event":"progress"`); n != 1 {
		t.Errorf("%d events of progress", n)
	}
}
