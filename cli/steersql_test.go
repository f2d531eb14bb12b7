package cli_test

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

// rows changes the rows of a table one by one, in the background.
func rows(began func()) seq.Op {
	return seq.Op{ID: plans, Delivery: seq.Resumable, Background: true, Run: func(ctx context.Context) error {
		var cursor int
		if _, err := seq.Saved(ctx, &cursor); err != nil {
			return err
		}
		for ; cursor < 100_000; cursor++ {
			err := seq.Checkpoint(ctx, func(ctx context.Context) (seq.Point, error) {
				_, err := bunstore.DB(ctx).ExecContext(ctx, "UPDATE t SET n = n + 1")
				return seq.Point{Cursor: cursor + 1, Done: int64(cursor + 1), Total: 100_000}, err
			})
			if err != nil {
				return err
			}
			began()
			if err := seq.Rest(ctx, "", 2*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}}
}

// TestAnotherProcessSteersOnSQLite: the worker and the command line have a connection of their own each.
func TestAnotherProcessSteersOnSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	moving := make(chan struct{})
	var once sync.Once
	open := func() *desk {
		ledger, err := sqlite.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ledger.Close() })
		if _, err := ledger.DB().ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS t AS SELECT 0 AS n"); err != nil {
			t.Fatal(err)
		}
		return &desk{t: t, s: seq.New(ledger, rows(func() { once.Do(func() { close(moving) }) }))}
	}
	stop := open().worker("work")
	defer stop()
	<-moving
	d := open()
	var answer struct{ Heard bool }
	d.json(&answer, cli.OK, "pause", "fill_plans", "--reason", "the disk is full", "--json")
	if !answer.Heard {
		t.Errorf("the worker does not hear of the pause: %+v", answer)
	}
	var status struct {
		Ops []struct {
			State string
			Done  int64
		}
	}
	d.json(&status, cli.OK, "status", "--json")
	var n int64
	if err := d.s.Store().(*bunstore.Store).DB().QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if o := status.Ops[0]; o.State != "pending" || o.Done == 0 || o.Done != n {
		t.Errorf("paused it is %+v, and %d batches are there", o, n)
	}
	d.json(&answer, cli.OK, "resume", "fill_plans", "--reason", "there is room", "--json")
	if !answer.Heard {
		t.Errorf("the worker does not hear of the resumption: %+v", answer)
	}
	if code, out := stop(); code != cli.OK {
		t.Errorf("work: exit code %d\n%s", code, out)
	}
}

func TestCancelAndStopAskOnATerminal(t *testing.T) {
	for line, question := range map[string]string{
		"cancel fill_plans --reason x":        "Cancel " + plans + " for good? [y/N] ",
		"stop --reason x --by ann":            "Nothing is running. Keep everybody but ann from beginning? [y/N] ",
		"stop --reason x --by ann --until 1h": "Keep everybody but ann from beginning? [y/N] ",
	} {
		for answer, want := range map[string]int{"y\n": cli.OK, "n\n": cli.Refused} {
			s := newScreen(t, 120)
			d := newDesk(t, backfill(nil))
			code := make(chan int)
			go func() { code <- cli.Execute(t.Context(), d.s, strings.Fields(line), s.tty, s.tty, s.tty) }()
			s.await(question)
			if _, err := io.WriteString(s.pty, answer); err != nil {
				t.Fatal(err)
			}
			if c := <-code; c != want {
				t.Errorf("%s, %q: exit code %d, want %d", line, answer, c, want)
			}
			if out := s.close(); want == cli.Refused && !strings.Contains(out, "nothing was asked") {
				t.Errorf("%s: the screen does not say that nothing was asked:\n%s", line, out)
			}
		}
	}
}

func TestWorkIsTalkedOfInJSON(t *testing.T) {
	d := newDesk(t, backfill(nil))
	stop := d.worker("work", "--json", "--at-a-time", "2")
	for range 200 {
		if st, err := d.s.Status(t.Context()); err == nil && st.Op(plans).Done > 0 {
			break
		}
		_ = clock.Sleep(t.Context(), clock.Wall(), 20*time.Millisecond)
	}
	code, out := stop()
	for _, want := range []string{`"event":"run started"`, `"strategy":"work"`, `"event":"progress"`, `"done":10,"total":1000`, `"event":"settled"`} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %s:\n%s", want, out)
		}
	}
	if code != cli.OK {
		t.Errorf("exit code %d", code)
	}
}
