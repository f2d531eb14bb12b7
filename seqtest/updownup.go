package seqtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
)

// UpDownUp runs everything that a sequencer has, rolls all of it back, and runs it again, on a
// scratch database. It fails the test if one of the three fails, if anything is left after the
// rollback that was not there before, and if the second run does not end where the first did. What
// is there, schema says in words, line by line and always in the same order; it leaves out the
// tables of the ledger.
func UpDownUp(tb testing.TB, s *seq.Sequencer, schema func(ctx context.Context) (string, error)) {
	tb.Helper()
	ctx := tb.Context()
	look := func(when string) string {
		tb.Helper()
		text, err := schema(ctx)
		if err != nil {
			tb.Fatalf("the schema %s: %v", when, err)
		}
		return text
	}
	before := look("before")
	var up [2]string
	for i, round := range []string{"the first run", "the second run"} {
		if report, err := s.Run(ctx); err != nil {
			tb.Fatalf("%s: %v\n%s", round, err, report)
		}
		up[i] = look("after " + round)
		if i > 0 {
			break
		}
		ops := s.Ops()
		if len(ops) == 0 {
			return
		}
		if report, err := s.Rollback(ctx, seq.From(ops[0].ID)); err != nil {
			tb.Fatalf("the rollback: %v\n%s", err, report)
		}
		if down := look("after the rollback"); down != before {
			tb.Errorf("the rollback does not lead back:\n%s", difference(before, down))
		}
	}
	if up[0] != up[1] {
		tb.Errorf("the second run does not end where the first did:\n%s", difference(up[0], up[1]))
	}
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	var b strings.Builder
	only := func(mark, in, out string) {
		lines := map[string]int{}
		for line := range strings.SplitSeq(out, "\n") {
			lines[line]++
		}
		for line := range strings.SplitSeq(in, "\n") {
			if lines[line]--; lines[line] < 0 {
				fmt.Fprintf(&b, "\t%s %s\n", mark, line)
			}
		}
	}
	only("-", want, got)
	only("+", got, want)
	if b.Len() == 0 {
		return "\tthe same lines in another order\n"
	}
	return b.String()
}
