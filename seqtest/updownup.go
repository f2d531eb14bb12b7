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
//
// Where some ops have no Rollback, it is tested down to the youngest of those, and the test's log says
// which that is: everything up to it is run first, and the rest is run, rolled back, and run again.
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
	run := func(round string, opts ...seq.RunOption) {
		tb.Helper()
		if report, err := s.Run(ctx, opts...); err != nil {
			tb.Fatalf("%s: %v\n%s", round, err, report)
		}
	}
	ops := s.Ops()
	stays := 0 // so many, the eldest, cannot be undone, or something after them cannot
	var ids []string
	for i := range ops {
		ids = append(ids, ops[i].ID)
		if ops[i].Rollback == nil {
			stays = i + 1
		}
	}
	if stays > 0 {
		last := ops[stays-1]
		tb.Logf("%s has no Rollback: tested down to it, which is %d of %d ops", named(&last), len(ops)-stays, len(ops))
		run("the run up to "+last.ID, seq.Only(ids[:stays]...))
	}
	before := look("before")
	run("the first run")
	up := look("after the first run")
	if stays == len(ops) {
		return
	}
	if report, err := s.Rollback(ctx, seq.From(ids[stays])); err != nil {
		tb.Fatalf("the rollback: %v\n%s", err, report)
	}
	if down := look("after the rollback"); down != before {
		tb.Errorf("the rollback does not lead back:\n%s", difference(before, down))
	}
	run("the second run")
	if again := look("after the second run"); again != up {
		tb.Errorf("the second run does not end where the first did:\n%s", difference(up, again))
	}
}

// named is an op with its file's name, if it has one.
func named(op *seq.Op) string {
	if op.Alias == "" || op.Alias == op.ID {
		return op.ID
	}
	return fmt.Sprintf("%s (%s)", op.ID, op.Alias)
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
