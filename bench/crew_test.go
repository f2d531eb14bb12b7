package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// crewRows is how many rows a crew's backfill has: more than get done while it is measured.
const crewRows = 100_000

// patience is how long anything may take that has no reason to.
const patience = time.Minute

// A crew is processes that work at one backfill, as their parent sees them.
type crew struct {
	order   order
	ledger  *bunstore.Store
	app     *seq.Sequencer // of the parent, to steer with
	workers []*worker
	heard   chan message
}

// A worker is one of the processes.
type worker struct {
	cmd   *exec.Cmd
	ended chan error // what Wait answered
}

// A message is a line that a worker has told, and when the parent heard it.
type message struct {
	headway
	by *worker
	at time.Time
}

// committed reports whether a message tells of a batch.
func (m *message) committed() bool { return m.Why == "" }

// gather makes the rows of an order and starts n processes.
func gather(b *testing.B, o order, n int) *crew {
	b.Helper()
	p := products[o.DB]
	o.Address = p.empty(b)
	makeRows(b, p.open(b, o.Address), crewRows)
	ledger, err := o.open()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ledger.Close() })
	c := &crew{order: o, ledger: ledger, heard: make(chan message, 1<<16)}
	c.app = seq.New(ledger, c.order.op())
	told(b, ledger.DB().DB, []string{`CREATE TABLE gate (open integer NOT NULL)`, `INSERT INTO gate VALUES (0)`})
	for range n {
		c.start(b)
	}
	return c
}

// start starts one more process, and waits until the ledger says that it works.
func (c *crew) start(b *testing.B) {
	b.Helper()
	text, err := json.Marshal(c.order)
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	w := &worker{cmd: exec.CommandContext(b.Context(), self), ended: make(chan error, 1)}
	w.cmd.Env = append(os.Environ(), orderEnv+"="+string(text))
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m := message{by: w, at: time.Now()}
			if err := json.Unmarshal(lines.Bytes(), &m.headway); err != nil {
				panic(fmt.Sprintf("a worker says %q: %v", lines.Text(), err))
			}
			c.heard <- m
		}
		w.ended <- w.cmd.Wait()
	}()
	c.workers = append(c.workers, w)
	c.until(b, "a process works", func() bool {
		leases, err := c.ledger.Leases(b.Context())
		return err == nil && slices.ContainsFunc(leases, func(l store.LeaseError) bool {
			return strings.HasPrefix(l.Name, store.WorkerPrefix) && l.Holder.PID == w.cmd.Process.Pid
		})
	})
}

// until asks again and again, until the answer is yes.
func (c *crew) until(b *testing.B, what string, yes func() bool) {
	b.Helper()
	for late := time.Now().Add(patience); !yes(); c.sleep(b, time.Millisecond) {
		if time.Now().After(late) {
			b.Fatalf("in vain until %s", what)
		}
	}
}

func (c *crew) sleep(b *testing.B, d time.Duration) {
	b.Helper()
	if err := clock.Sleep(b.Context(), clock.Wall(), d); err != nil {
		b.Fatal(err)
	}
}

// next is the first message since a moment that is as it should be.
func (c *crew) next(b *testing.B, since time.Time, what string, is func(*message) bool) message {
	b.Helper()
	for late := time.After(patience); ; {
		select {
		case m := <-c.heard:
			if !m.at.Before(since) && is(&m) {
				return m
			}
		case <-late:
			b.Fatalf("nobody says in time that %s", what)
		}
	}
}

func (w *worker) signal(s syscall.Signal) { _ = w.cmd.Process.Signal(s) } // if it has ended already, ended says so

// end waits for the end of a worker that got a signal, and looks how it ended.
func (c *crew) end(b *testing.B, w *worker, with syscall.Signal) {
	b.Helper()
	select {
	case err := <-w.ended:
		if (err == nil) != (with == syscall.SIGTERM) {
			b.Errorf("a worker that got %s: %v", with, err)
		}
	case <-time.After(patience):
		b.Errorf("a worker that got %s does not end", with)
	}
	c.workers = slices.DeleteFunc(c.workers, func(other *worker) bool { return other == w })
}

// finish has the rest of the rows done in one batch, ends the processes, and makes sure that each row was done
// once.
func (c *crew) finish(b *testing.B) {
	b.Helper()
	told(b, c.ledger.DB().DB, []string{`UPDATE gate SET open = 1`})
	if _, err := c.app.Set(b.Context(), steeredID, crewRows, 0, seq.By("bench"), seq.Because("it was measured")); err != nil {
		b.Fatal(err)
	}
	var op *seq.OpStatus
	c.until(b, "all is done", func() bool {
		status, err := c.app.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		op = status.Op(steeredID)
		return op.State.Done()
	})
	for len(c.workers) > 0 {
		c.workers[0].signal(syscall.SIGTERM)
		c.end(b, c.workers[0], syscall.SIGTERM)
	}
	done, err := count(b.Context(), c.ledger.DB().DB, `SELECT count(*) FROM rows WHERE n = 1`)
	if err != nil || done != crewRows || op.Done != crewRows {
		b.Fatalf("%d rows of %d were done once, the ledger says %d, %v", done, crewRows, op.Done, err)
	}
}
