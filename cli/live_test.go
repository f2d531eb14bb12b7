package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// A screen is a pseudo-terminal, and all that was written to it.
type screen struct {
	t    *testing.T
	tty  *os.File
	pty  *os.File
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{}
}

func newScreen(t *testing.T, columns uint16) *screen {
	t.Helper()
	p, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	if err := pty.Setsize(p, &pty.Winsize{Rows: 40, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	s := &screen{t: t, tty: tty, pty: p, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := p.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// all is what has been written so far.
func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until a text was written.
func (s *screen) await(text string) {
	s.t.Helper()
	for range 500 {
		if strings.Contains(s.all(), text) {
			return
		}
		_ = clock.Sleep(s.t.Context(), clock.Wall(), 20*time.Millisecond)
	}
	s.t.Fatalf("the screen never shows %q:\n%s", text, s.all())
}

// close ends the terminal and returns all that was written.
func (s *screen) close() string {
	_ = s.tty.Close()
	<-s.done
	_ = s.pty.Close()
	return s.all()
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

func TestATerminalShowsTheRunLive(t *testing.T) {
	s := newScreen(t, 100)
	seen := make(chan struct{})
	slow := seq.Op{ID: "2024_01_15_110000_backfill", Run: func(ctx context.Context) error {
		_ = seq.Progress(ctx, 40, 100)
		<-seen
		return nil
	}}
	d := newDesk(t, slow)
	d.fails = errors.New(hostile)
	code := make(chan int)
	go func() { code <- cli.Execute(t.Context(), d.s, []string{"run"}, s.tty, s.tty, s.tty) }()
	s.await("[########------------] running 2024_01_15_110000_backfill for ")
	s.await("40 of 100 (40 %)")
	s.await("sequential · wave 1 of 5 · 0 of 5 at rest · 4 to come")
	close(seen)
	if c := <-code; c != cli.Failed {
		t.Errorf("exit code %d", c)
	}
	out := s.close()
	plain := escape.ReplaceAllString(out, "")
	for _, want := range []string{"succeeded        2024_01_15_110000_backfill  in ", "sequential run failed in ", "1 failed"} {
		if !strings.Contains(plain, want) {
			t.Errorf("the screen does not show %q:\n%s", want, plain)
		}
	}
	if !strings.Contains(out, "\x1b[31mfailed ") {
		t.Errorf("a terminal without NO_COLOR gets no colour:\n%q", out)
	}
	if strings.Contains(out, "\x1b[2J") || strings.Contains(out, "owned\x07") {
		t.Errorf("an op's error steers the terminal:\n%q", out)
	}
}

func TestATerminalSaysWhoHoldsTheLease(t *testing.T) {
	s := newScreen(t, 120)
	t.Setenv("NO_COLOR", "1")
	d := newDesk(t)
	lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "other", PID: 7, Actor: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	code := make(chan int)
	go func() { code <- cli.Execute(t.Context(), d.s, []string{"run"}, s.tty, s.tty, s.tty) }()
	s.await("waiting for the lease, held by other[7] for bob since ")
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != cli.OK {
		t.Errorf("exit code %d", c)
	}
	if out := s.close(); regexp.MustCompile("\x1b\\[[0-9;]*m").MatchString(out) {
		t.Errorf("colour in spite of NO_COLOR:\n%q", out)
	}
}

func TestRollbackAsksOnATerminal(t *testing.T) {
	for answer, want := range map[string]struct {
		code int
		says string
	}{
		"y\n": {cli.OK, "rolled-back"},
		"n\n": {cli.Refused, "nothing was undone"},
		"\n":  {cli.Refused, "nothing was undone"},
	} {
		s := newScreen(t, 100)
		d := newDesk(t)
		d.want(cli.OK, nil, "run")
		code := make(chan int)
		go func() {
			code <- cli.Execute(t.Context(), d.s, []string{"rollback", "--last", "1"}, s.tty, s.tty, s.tty)
		}()
		s.await("Undo 1 operation? [y/N] ")
		if _, err := io.WriteString(s.pty, answer); err != nil {
			t.Fatal(err)
		}
		if c := <-code; c != want.code {
			t.Errorf("%q: exit code %d, want %d", answer, c, want.code)
		}
		if out := s.close(); !strings.Contains(out, want.says) {
			t.Errorf("%q: the screen does not say %q:\n%s", answer, want.says, out)
		}
	}
}

func TestAnInterruptAtTheQuestionUndoesNothing(t *testing.T) {
	s := newScreen(t, 100)
	d := newDesk(t)
	d.want(cli.OK, nil, "run")
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- cli.Execute(ctx, d.s, []string{"rollback", "--last", "1"}, s.tty, s.tty, s.tty)
	}()
	s.await("Undo 1 operation? [y/N] ")
	interrupt()
	s.await("nothing was undone")
	if c := <-code; c != cli.Interrupted {
		t.Errorf("exit code %d, want %d", c, cli.Interrupted)
	}
	_, _ = io.WriteString(s.pty, "n\n") // ends the read
	s.close()
}

func TestAnInterruptIsAnsweredAtOnce(t *testing.T) {
	for _, columns := range []uint16{0, 100} { // a pipe, a terminal
		s := newScreen(t, max(columns, 80))
		out := io.Writer(s.tty)
		if columns == 0 {
			out = struct{ io.Writer }{s.tty}
		}
		end := make(chan struct{})
		d := newDesk(t, seq.Op{ID: "2024_01_15_110000_hangs", Run: func(context.Context) error { <-end; return nil }})
		ctx, interrupt := context.WithCancel(t.Context())
		code := make(chan int)
		go func() { code <- cli.Execute(ctx, d.s, []string{"run"}, s.tty, out, out) }()
		s.await("running")
		interrupt()
		s.await("stopping         nothing more is started; what runs is asked to end")
		if columns > 0 {
			s.await("\rstopping") // the terminal has shown ^C where the live part begins
		}
		close(end)
		if c := <-code; c != cli.Interrupted {
			t.Errorf("exit code %d, want %d", c, cli.Interrupted)
		}
		s.close()
	}
}

func TestANarrowTerminalHasTheWholeReason(t *testing.T) {
	s := newScreen(t, 40)
	d := newDesk(t)
	lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "other-host-of-the-fleet", PID: 7, Actor: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	claim := store.Claim{ID: fill, Token: store.NewToken(), Attempt: 1, Generation: 1}
	for _, b := range []store.Batch{{Claims: []store.Claim{claim}}, {Headway: []store.Headway{{ID: fill, Token: claim.Token, Done: 18_510, Total: 1_074_040}}}} {
		if _, err := d.store.Write(t.Context(), lease, b); err != nil {
			t.Fatal(err)
		}
	}
	code := make(chan int)
	go func() { code <- cli.Execute(t.Context(), d.s, []string{"run"}, s.tty, s.tty, s.tty) }()
	s.await("  waiting for the lease, held by")
	s.await("    other-host-of-the-fleet[7] for bob\r\n")
	s.await("; waited")
	s.await("  there: running fill_names, 18 510 of")
	s.await("    1 074 040 (1 %)")
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != cli.OK {
		t.Errorf("exit code %d", c)
	}
	s.close()
}

func TestEightyColumnsHaveALineAnOperation(t *testing.T) {
	s := newScreen(t, 80)
	t.Setenv("NO_COLOR", "1")
	seen := make(chan struct{})
	slow := func(id string) seq.Op {
		return seq.Op{ID: id, Run: func(ctx context.Context) error {
			_ = seq.Progress(ctx, 400_000, 1_000_000)
			<-seen
			return nil
		}}
	}
	d := newDesk(t, slow("2024_01_15_110000_backfill_the_names_of_all_accounts"), slow("2024_01_15_110001_twice"), slow("2024_01_15_110002_twice"))
	code := make(chan int)
	go func() {
		code <- cli.Execute(t.Context(), d.s, []string{"run", "--strategy", "batch"}, s.tty, s.tty, s.tty)
	}()
	s.await("  running backfill_the_names_of_all_accounts for ")
	s.await("running 2024_01_15_110001_twice for ") // the timestamps tell the two apart
	s.await("succeeded        create_tables")
	close(seen)
	if c := <-code; c != cli.OK {
		t.Errorf("exit code %d", c)
	}
	out := escape.ReplaceAllString(s.close(), "")
	for line := range strings.Lines(out) {
		line = line[strings.LastIndexByte(strings.TrimRight(line, "\r\n"), '\r')+1:]
		if n := len([]rune(strings.TrimRight(line, "\r\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Contains(out, "110000_backfill") {
		t.Errorf("a name has its timestamp where columns are few:\n%s", out)
	}
}
