package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/seqtest"
)

// The same three findings, each with each policy, as a preview and a run see them.
func TestDrift(t *testing.T) {
	first := map[string]string{"2_b.up.sql": "CREATE TABLE b (id int)", "3_c.up.sql": "CREATE TABLE c (id int)"}
	for kind, tt := range map[string]struct {
		second map[string]string
		id     string
		policy func(seq.Policy) seq.Drift
	}{
		"changed": {
			map[string]string{"2_b.up.sql": "CREATE TABLE b (id bigint)", "3_c.up.sql": "CREATE TABLE c (id int)"},
			"1970_01_01_000002_b",
			func(p seq.Policy) seq.Drift { return seq.Drift{Changed: p} },
		},
		"missing": {
			map[string]string{"2_b.up.sql": "CREATE TABLE b (id int)"},
			"1970_01_01_000003_c",
			func(p seq.Policy) seq.Drift { return seq.Drift{Missing: p} },
		},
		"late": {
			map[string]string{"1_a.up.sql": "CREATE TABLE a (id int)", "2_b.up.sql": "CREATE TABLE b (id int)", "3_c.up.sql": "CREATE TABLE c (id int)"},
			"1970_01_01_000001_a",
			func(p seq.Policy) seq.Drift { return seq.Drift{Late: p} },
		},
	} {
		for _, policy := range []seq.Policy{seq.Warn, seq.Fail, seq.Allow} {
			t.Run(kind+"/"+policy.String(), func(t *testing.T) {
				s := ledger(t)
				if _, err := seq.New(s, files(t, folder(first))...).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				q := seq.New(s, files(t, folder(tt.second))...).Use(tt.policy(policy))
				plan, err := q.Preview(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				said := strings.Contains(plan.String(), fmt.Sprintf("%s: %s is %s", policy, tt.id, kind))
				if said == (policy == seq.Allow) {
					t.Errorf("the preview says:\n%s", plan)
				}
				_, err = q.Run(t.Context())
				if policy != seq.Fail {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if !errors.Is(err, seq.ErrDrift) || !strings.Contains(err.Error(), tt.id) || !strings.Contains(err.Error(), kind) {
					t.Errorf("got %v", err)
				}
				if kind == "late" && strings.Contains(schema(t, s), "TABLE a") {
					t.Error("it ran")
				}
			})
		}
	}
}

const backfill, drop = "2024_01_15_120000_backfill", "20240301000000_drop"

var dropColumn = map[string]string{"20240301000000_drop.up.sql": "ALTER TABLE users DROP COLUMN name"}

// gated is the release that drops a column, once the backfill is done.
func gated(t *testing.T, more ...seq.Op) []seq.Op {
	ops := files(t, folder(dropColumn))
	ops[0].DependsOn = []string{backfill}
	return append(ops, more...)
}

func TestAGateOnAnEarlierRelease(t *testing.T) {
	s := ledger(t)
	exec(t, s, `CREATE TABLE users (id int, name text)`)
	broken := errors.New("not all rows")
	op := seq.Op{ID: backfill, Run: func(context.Context) error { return broken }}
	if _, err := seq.New(s, op).Run(t.Context()); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	for range 2 { // releases that have the gate, and the backfill no more
		_, err := seq.New(s, gated(t)...).Run(t.Context())
		if !errors.Is(err, seq.ErrUnknownDependency) || !strings.Contains(err.Error(), backfill+", which is failed in the ledger") {
			t.Errorf("got %v", err)
		}
	}
	broken = nil
	if _, err := seq.New(s, op).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := seq.New(s, gated(t)...).Run(t.Context()); err != nil {
		t.Error(err)
	}
	seqtest.AssertState(t, s, drop, seq.Succeeded)
}

func TestAGateOnWhatIsScheduledForTonight(t *testing.T) {
	s := ledger(t)
	exec(t, s, `CREATE TABLE users (id int, name text)`)
	clock := seqtest.NewClock(time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC))
	tonight := time.Date(2024, 3, 1, 22, 0, 0, 0, time.UTC)
	op := seq.Op{ID: backfill, ExecuteAt: func(time.Time) time.Time { return tonight }, Run: func(context.Context) error { return nil }}
	q := seq.New(s, gated(t, op)...).Use(seq.WithClock(clock))
	plan, err := q.Preview(t.Context())
	if err != nil || !strings.Contains(plan.String(), "after "+backfill) || !strings.Contains(plan.String(), "not before 2024-03-01T22:00:00Z") {
		t.Errorf("%s, %v", plan, err)
	}
	report, err := q.Run(t.Context())
	if err != nil || !strings.Contains(report.String(), "waits for "+backfill) {
		t.Errorf("%s, %v", report, err)
	}
	clock.Set(tonight)
	if _, err := q.Run(t.Context()); err != nil {
		t.Error(err)
	}
	seqtest.AssertState(t, s, drop, seq.Succeeded)
}

func TestUndoDownToAStep(t *testing.T) {
	s := ledger(t)
	f := map[string]string{}
	for i := range 5 {
		f[fmt.Sprintf("%d_t.up.sql", i+1)] = fmt.Sprintf("CREATE TABLE t%d (id int)", i+1)
		f[fmt.Sprintf("%d_t.down.sql", i+1)] = fmt.Sprintf("DROP TABLE t%d", i+1)
	}
	q := seq.New(s, files(t, folder(f))...)
	if _, err := q.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		opt   seq.RunOption
		undo  int
		after string
	}{
		{seq.Last(2), 2, "CREATE TABLE t1 (id int)\nCREATE TABLE t2 (id int)\nCREATE TABLE t3 (id int)"},
		{seq.From("1970_01_01_000002_t"), 2, "CREATE TABLE t1 (id int)"},
	} {
		plan, err := q.PreviewRollback(t.Context(), tt.opt)
		if err != nil || len(plan.Steps) != tt.undo || plan.Direction != seq.Rollback {
			t.Errorf("preview: %v, %v", plan, err)
		}
		if _, err := q.Rollback(t.Context(), tt.opt); err != nil {
			t.Fatal(err)
		}
		if got := schema(t, s); got != tt.after {
			t.Errorf("got\n%s\nwant\n%s", got, tt.after)
		}
	}
}

func TestUpDownUp(t *testing.T) {
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			s := ledger(t)
			seqtest.UpDownUp(t, seq.New(s, files(t, folder(f.files), f.format)...), func(context.Context) (string, error) {
				return schema(t, s), nil
			})
		})
	}
}

// A table that the down file forgets.
func TestUpDownUpFindsWhatIsLeft(t *testing.T) {
	s := ledger(t)
	ops, err := migrate.Files(folder(map[string]string{
		"1_a.up.sql":   "CREATE TABLE a (id int); CREATE TABLE IF NOT EXISTS b (id int)",
		"1_a.down.sql": "DROP TABLE a",
	}))
	if err != nil {
		t.Fatal(err)
	}
	said := &listener{TB: t}
	seqtest.UpDownUp(said, seq.New(s, ops...), func(context.Context) (string, error) { return schema(t, s), nil })
	if len(said.lines) != 1 || !strings.Contains(said.lines[0], "+ CREATE TABLE b") {
		t.Errorf("got %q", said.lines)
	}
}

// Down to the youngest that cannot be undone, and no further.
func TestUpDownUpStopsAtWhatCannotBeUndone(t *testing.T) {
	set := map[string]string{
		"1_a.up.sql": "CREATE TABLE a (id int)", "1_a.down.sql": "DROP TABLE a",
		"2_b.up.sql": "CREATE TABLE b (id int)", "2_b.down.sql": "-- no way back",
		"3_c.up.sql": "CREATE TABLE c (id int); CREATE TABLE IF NOT EXISTS d (id int)", "3_c.down.sql": "DROP TABLE c",
		"4_e.up.sql": "CREATE TABLE e (id int)", "4_e.down.sql": "DROP TABLE e",
	}
	for name, want := range map[string][]string{
		"it finds what is left": {"1970_01_01_000002_b (2_b) has no Rollback: tested down to it, which is 2 of 4 ops", "+ CREATE TABLE d"},
		"nothing is left":       {"1970_01_01_000002_b (2_b) has no Rollback"},
		"the last":              {"1970_01_01_000004_e (4_e) has no Rollback: tested down to it, which is 0 of 4 ops"},
	} {
		t.Run(name, func(t *testing.T) {
			f := maps.Clone(set)
			switch name {
			case "nothing is left":
				f["3_c.down.sql"] += "; DROP TABLE d"
			case "the last":
				delete(f, "4_e.down.sql")
			}
			s := ledger(t)
			said := &listener{TB: t}
			seqtest.UpDownUp(said, seq.New(s, files(t, folder(f))...), func(context.Context) (string, error) { return schema(t, s), nil })
			if len(said.lines) != len(want) {
				t.Fatalf("got %q, want %q", said.lines, want)
			}
			for i := range want {
				if !strings.Contains(said.lines[i], want[i]) {
					t.Errorf("got %q, want %q", said.lines[i], want[i])
				}
			}
			if got := schema(t, s); strings.Count(got, "CREATE TABLE") != 5 {
				t.Errorf("at the end there is\n%s", got)
			}
		})
	}
}

type listener struct {
	testing.TB
	lines []string
}

func (l *listener) Logf(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *listener) Errorf(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}
