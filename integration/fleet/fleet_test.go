package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// create makes a world's tables, in a database of its own unless it has one, and opens it for the test.
func create(t testing.TB, w *world) *process {
	t.Helper()
	if w.DSN == "" {
		w.DSN = pgtest.DSN(t)
	}
	p, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	if err := fleet.Migrate(t.Context(), p.pool); err != nil {
		t.Fatal(err)
	}
	p.exec(t, "CREATE TABLE effects (op text, what text)")
	return p
}

func (p *process) exec(t testing.TB, query string) {
	t.Helper()
	if _, err := p.pool.Exec(context.Background(), query); err != nil {
		t.Fatal(err)
	}
}

func (p *process) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := p.pool.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *process) effects(t *testing.T, id, what string) int {
	t.Helper()
	return p.count(t, "SELECT count(*) FROM effects WHERE op = $1 AND what = $2", id, what)
}

// raceFound is what the race detector says in a process that it watches.
const raceFound = "DATA RACE"

// child is a process that the test has started.
type child struct {
	cmd    *exec.Cmd
	out    bytes.Buffer
	errors bytes.Buffer
	wait   func() error
}

func start(t testing.TB, w world, role string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = os.Environ(), &c.out, &c.errors
	for name, value := range w.env(role) {
		c.cmd.Env = append(c.cmd.Env, name+"="+value)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.wait = sync.OnceValue(c.cmd.Wait)
	t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
		_ = c.cmd.Process.Kill()
		_ = c.wait()
		if races := strings.Contains(c.errors.String(), raceFound); races || t.Failed() && c.errors.Len() > 0 {
			t.Logf("%s: %s", role, c.errors.String())
			if races {
				t.Fail()
			}
		}
	})
	return c
}

func (c *child) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// audit compares effects and ledger after a run that came to its end, and returns how many Repeatable ops were
// done twice, where that may be, and how many Once ops nobody knows of.
func (p *process) audit(t *testing.T, w world) (again, unknown int) {
	t.Helper()
	entries, err := p.ledger.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]store.Entry{}
	for _, e := range entries {
		states[e.ID] = e
	}
	for n := range w.Ops {
		id := opID(n)
		d, verify := deliveryOf(n)
		late := w.Sleeper && d == seq.Once && verify
		done, e := p.effects(t, id, "done"), states[id]
		switch {
		case e.State == seq.Indeterminate && d == seq.Once && !verify && done <= 1:
			unknown++
		case e.State != seq.Succeeded:
			t.Errorf("%s (%s) is %s: %s", id, d, e.State, e.Error)
		case done == 1:
		case (d == seq.Repeatable || late) && done > 1:
			again++
		default:
			t.Errorf("%s (%s) was done %d times: %+v", id, d, done, e)
		}
	}
	return again, unknown
}

// done is how many effects ops have left.
func (p *process) done(t *testing.T) int {
	t.Helper()
	return p.count(t, "SELECT count(*) FROM effects WHERE what = 'done'")
}

// running is how many ops are under way, 0 also if the ledger is not there yet.
func (p *process) running(t *testing.T) int {
	t.Helper()
	if p.count(t, "SELECT count(*) FROM pg_tables WHERE tablename = 'seq_ops'") == 0 {
		return 0
	}
	return p.count(t, "SELECT count(*) FROM seq_ops WHERE state = 'running'")
}

// lost is how many attempts were closed as lost.
func (p *process) lost(t *testing.T) int {
	t.Helper()
	return p.count(t, "SELECT (SELECT count(*) FROM seq_attempts WHERE ended = 'lost') + (SELECT count(*) FROM seq_ops WHERE ended = 'lost')")
}

// eachOnce checks that each op was done once, by its first attempt, and that nothing was undone.
func (p *process) eachOnce(t *testing.T, w world) {
	t.Helper()
	if again, unknown := p.audit(t, w); again+unknown > 0 {
		t.Errorf("%d were done again, of %d nobody knows", again, unknown)
	}
	if n := p.count(t, "SELECT sum(attempt) FROM seq_ops"); n != w.Ops {
		t.Errorf("%d attempts for %d ops", n, w.Ops)
	}
	if n := p.count(t, "SELECT count(*) FROM effects WHERE what = 'undone'"); n > 0 {
		t.Errorf("%d were undone", n)
	}
}

// TestRiver: the same ops on three worker processes; nothing is left in River.
func TestRiver(t *testing.T) {
	w := world{Ops: 60}
	p := create(t, &w)
	for range 3 {
		start(t, w, "worker")
	}
	report, err := p.leader(w).Run(t.Context())
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	if again, unknown := p.audit(t, w); again+unknown > 0 {
		t.Errorf("%d again, %d unknown", again, unknown)
	}
	eventually(t, "the last job's end", func() bool {
		return p.count(t, "SELECT count(*) FROM river_job WHERE state <> 'completed'") == 0
	})
	if n := p.count(t, "SELECT count(*) FROM river_job"); n != w.Ops {
		t.Errorf("%d jobs", n)
	}
	t.Logf("%s", report.Finished.Sub(report.Started))
}

// TestNoRiverTables: one error that says how to make them, before anything has run.
func TestNoRiverTables(t *testing.T) {
	w := world{Ops: 3, DSN: pgtest.DSN(t)}
	p, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	report, err := p.leader(w).Run(t.Context())
	if !errors.Is(err, fleet.ErrNoRiver) || !strings.Contains(err.Error(), "migrate-up") || strings.Count(err.Error(), "migrate-up") != 1 || report.State != seq.RunFailed {
		t.Fatalf("%s, %v", report.State, err)
	}
}

// TestWorkerKilled: SIGKILL for one worker of three in the middle of its ops, while the run goes on.
func TestWorkerKilled(t *testing.T) {
	w := world{Ops: 100, Sleep: 200 * time.Millisecond}
	p := create(t, &w)
	victim := start(t, w.dying(), "worker")
	start(t, w, "worker")
	start(t, w, "worker")
	go func() {
		eventually(t, "the middle", func() bool { return p.done(t) > 20 })
		victim.signal(t, syscall.SIGKILL)
	}()
	report, err := p.leader(w).Run(t.Context())
	again, unknown := p.audit(t, w)
	if (err == nil) != (unknown == 0) {
		t.Errorf("%s, %v, and %d unknown", report.State, err, unknown)
	}
	lost := p.count(t, "SELECT count(*) FROM seq_attempts WHERE ended = 'lost'")
	t.Logf("%s; %d attempts lost, %d Repeatable ops done twice, %d Once ops unknown", report.State, lost, again, unknown)
	if lost+unknown == 0 {
		t.Error("the worker had begun nothing")
	}
	if n := p.count(t, "SELECT count(*) FROM river_job WHERE state NOT IN ('completed', 'running')"); n > 0 {
		t.Errorf("%d jobs are left", n)
	}
}

// TestWorkerStopped: a worker that is stopped for longer than its lease wakes up into another world.
func TestWorkerStopped(t *testing.T) {
	w := world{Ops: 60, Sleep: 200 * time.Millisecond, Sleeper: true}
	p := create(t, &w)
	sleeper := start(t, w.dying(), "worker")
	start(t, w, "worker")
	go func() {
		eventually(t, "the middle", func() bool { return p.done(t) > 15 })
		sleeper.signal(t, syscall.SIGSTOP)
		time.Sleep(5 * time.Second)
		sleeper.signal(t, syscall.SIGCONT)
	}()
	report, err := p.leader(w).Run(t.Context())
	time.Sleep(max(0, 6*time.Second-report.Finished.Sub(report.Started))) // whoever slept has woken
	again, unknown := p.audit(t, w)
	if (err == nil) != (unknown == 0) {
		t.Errorf("%s, %v, and %d unknown", report.State, err, unknown)
	}
	t.Logf("%s; %d ops done twice, %d Once ops unknown", report.State, again, unknown)
}

// TestLeaderKilled: ops that last longer than the lease, a leader that is killed, another that comes after it.
// Nothing is called twice.
func TestLeaderKilled(t *testing.T) {
	w := world{Ops: 24, Sleep: 3 * time.Second, Saga: true}
	p := create(t, &w)
	for range 3 {
		start(t, w, "worker")
	}
	first := start(t, w.dying(), "leader")
	eventually(t, "the first attempts", func() bool { return p.running(t) >= 10 })
	first.signal(t, syscall.SIGKILL)
	report, err := p.leader(w).Run(t.Context())
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	p.eachOnce(t, w)
}

// TestLeaderStopped: a leader that is stopped for longer than its lease wakes up when another one has done what
// was left. It says that its lease is lost, and nothing is called twice.
func TestLeaderStopped(t *testing.T) {
	w := world{Ops: 24, Sleep: time.Second, Saga: true}
	p := create(t, &w)
	for range 2 {
		start(t, w, "worker")
	}
	first := start(t, w.dying(), "leader")
	eventually(t, "the first attempts", func() bool { return p.running(t) >= 5 })
	first.signal(t, syscall.SIGSTOP)
	report, err := p.leader(w).Run(t.Context())
	first.signal(t, syscall.SIGCONT)
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	if err := first.wait(); err != nil || !strings.Contains(first.errors.String(), seq.ErrLeaseLost.Error()) {
		t.Errorf("the first leader: %v, %s", err, first.errors.String())
	}
	p.eachOnce(t, w)
}

// TestLocalRunTakesOver: the leader of a fleet is killed. A run without workers of its own waits for what those
// have begun, and does the rest itself.
func TestLocalRunTakesOver(t *testing.T) {
	w := world{Ops: 24, Sleep: 3 * time.Second, Saga: true}
	p := create(t, &w)
	for range 2 {
		start(t, w, "worker")
	}
	first := start(t, w.dying(), "leader")
	eventually(t, "the first attempts", func() bool { return p.running(t) >= 8 })
	first.signal(t, syscall.SIGKILL)
	report, err := p.sequencer(w).Use(strategies.DependencyGraph(strategies.Limit(50), strategies.Saga())).Run(t.Context())
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	here := p.count(t, "SELECT count(*) FROM seq_ops WHERE life = ''")
	if here == 0 || here > w.Ops-8 {
		t.Errorf("%d of %d were done here, where 8 were begun by workers", here, w.Ops)
	}
	if n := p.count(t, "SELECT count(*) FROM seq_ops WHERE life <> '' AND started > (SELECT min(started) FROM seq_ops WHERE life = '')"); n > 0 {
		t.Errorf("workers began %d orders of a leader that had lost its lease", n)
	}
	eventually(t, "workers have taken the orders that are void", func() bool {
		return p.count(t, "SELECT count(*) FROM river_job WHERE state <> 'completed'") == 0
	})
	p.eachOnce(t, w)
}

// TestLeaderKilledInRollback: whoever comes next goes on with the rollback; what ran is undone, once each where
// that is promised.
func TestLeaderKilledInRollback(t *testing.T) {
	// The workers go on with what the dead leader has sent, until another has its lease; not all is done by then.
	w := world{Ops: 30, Sleep: 500 * time.Millisecond, Slots: 2, Saga: true, Fails: true}
	p := create(t, &w)
	for range 2 {
		start(t, w, "worker")
	}
	first := start(t, w.dying(), "leader")
	eventually(t, "the rollback", func() bool { return p.count(t, "SELECT count(*) FROM effects WHERE what = 'undone'") > 5 })
	first.signal(t, syscall.SIGKILL)
	_ = first.wait()
	report, err := p.leader(w).Run(t.Context()) // it ends that rollback, does all again, and fails again
	if err == nil || report.State != seq.RunRolledBack || report.Earlier == nil || report.Earlier.State != seq.RunRolledBack {
		t.Fatalf("%s, %v", report.State, err)
	}
	for n := range w.Ops - 1 {
		d, _ := deliveryOf(n)
		done, undone := p.effects(t, opID(n), "done"), p.effects(t, opID(n), "undone")
		if done != 2 || undone < done || d == seq.Transactional && undone != done {
			t.Errorf("%s (%s): done %d, undone %d", opID(n), d, done, undone)
		}
	}
}

// TestRedeliveries: jobs that River hands out again and again, also while they run, lead to one attempt each.
func TestRedeliveries(t *testing.T) {
	w := world{Ops: 60, Sleep: 100 * time.Millisecond}
	p := create(t, &w)
	start(t, w, "worker")
	start(t, w, "worker")
	ctx, cancel := context.WithCancel(t.Context())
	var again int64
	var group sync.WaitGroup
	group.Go(func() {
		for pause(ctx, 50*time.Millisecond) == nil {
			tag, err := p.pool.Exec(ctx, "UPDATE river_job SET state = 'available', finalized_at = NULL WHERE state IN ('running', 'completed')")
			if err == nil { // else River's own update and this one have waited for each other
				again += tag.RowsAffected()
			}
		}
	})
	report, err := p.leader(w).Run(t.Context())
	cancel()
	group.Wait()
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	for n := range w.Ops {
		if done := p.effects(t, opID(n), "done"); done != 1 {
			t.Errorf("%s was done %d times", opID(n), done)
		}
	}
	t.Logf("%d redeliveries", again)
	if again < int64(w.Ops) {
		t.Error("too few to mean anything")
	}
}

// TestJobsDeleted: what somebody deletes by hand is sent again.
func TestJobsDeleted(t *testing.T) {
	w := world{Ops: 10, Resend: time.Second}
	p := create(t, &w)
	done := make(chan error, 1)
	go func() {
		_, err := p.leader(w).Run(t.Context())
		done <- err
	}()
	eventually(t, "the jobs", func() bool { return p.count(t, "SELECT count(*) FROM river_job") == w.Ops })
	p.exec(t, "DELETE FROM river_job")
	start(t, w, "worker")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.audit(t, w)
}

// TestTwoBinaries: a worker of an older binary refuses what it does not have, and leaves it to the new one.
func TestTwoBinaries(t *testing.T) {
	w := world{Ops: 20}
	p := create(t, &w)
	older := w
	older.Ops = 10
	start(t, older, "worker")
	start(t, w, "worker")
	report, err := p.leader(w).Run(t.Context())
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	p.audit(t, w)
}

// TestLeaderToldToEnd: SIGTERM for a leader removes the jobs that nobody has begun.
func TestLeaderToldToEnd(t *testing.T) {
	w := world{Ops: 40, Sleep: time.Second, Saga: true}
	p := create(t, &w)
	start(t, w, "worker")
	first := start(t, w, "leader")
	eventually(t, "the first attempts", func() bool { return p.running(t) >= 3 })
	first.signal(t, syscall.SIGTERM)
	began := time.Now()
	if err := first.wait(); err != nil || strings.TrimSpace(first.out.String()) != "interrupted" || time.Since(began) > 5*time.Second {
		t.Fatalf("%v, %s after %s", err, first.out.String(), time.Since(began))
	}
	if n := p.count(t, "SELECT count(*) FROM river_job WHERE state IN ('available', 'scheduled', 'retryable')"); n > 0 {
		t.Errorf("%d jobs are left", n)
	}
	// A local run waits for what the worker has begun, and does the rest.
	report, err := p.sequencer(w).Use(strategies.DependencyGraph(strategies.Limit(50), strategies.Saga())).Run(t.Context())
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", report.State, err)
	}
	for n := range w.Ops {
		if done := p.effects(t, opID(n), "done"); done != 1 {
			t.Errorf("%s was done %d times", opID(n), done)
		}
	}
}
