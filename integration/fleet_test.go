package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq/store"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

// A child is this test binary again, as one process of a fleet.
const (
	childRole = "SEQ_INTEGRATION_CHILD"
	childDSN  = "SEQ_INTEGRATION_DSN"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := child(role, os.Getenv(childDSN)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	pgtest.Main(m)
}

// child is what one process of the fleet does.
func child(role, dsn string) error {
	way, migrates := strings.CutPrefix(role, migrating)
	ttl := 5 * time.Second
	if migrates {
		ttl = migrateTTL
	}
	s, err := connect(dsn, bunstore.LeaseTTL(ttl))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if migrates {
		return migrateChild(s, way)
	}
	sequencer := seq.New(s, fleetOps(s, role)...)
	switch role {
	case "due":
		_, err = sequencer.RunDue(context.Background())
	case "hang":
		_, err = sequencer.Run(context.Background())
	default:
		strategy, serr := strategies.Named(role)
		if serr != nil {
			return serr
		}
		_, err = sequencer.Use(strategy).Run(context.Background(), seq.Isolate())
	}
	return err
}

const fleetSize = 8

func fleetOps(s *bunstore.Store, role string) []seq.Op {
	var ops []seq.Op
	for i := range 10 {
		id := fmt.Sprintf("2024_01_15_1200%02d_op", i)
		op := transactional(id, leave(id, "done"), leave(id, "undone"))
		if i%2 == 1 {
			op.Delivery, op.Run = seq.Repeatable, leaveOutside(s, id, "done")
		}
		if role == "hang" && i == 5 {
			op.Run = func(ctx context.Context) error {
				fmt.Println("hanging") // the parent waits for this
				<-ctx.Done()
				return ctx.Err()
			}
		}
		if role == "due" {
			op.ExecuteAt = func(now time.Time) time.Time { return now }
		}
		ops = append(ops, op)
	}
	return ops
}

func command(t *testing.T, role, dsn string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self)
	// The race detector, if there is one, would sleep a second at each end.
	cmd.Env = append(os.Environ(), childRole+"="+role, childDSN+"="+dsn, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// fleet starts several processes at once and waits for all of them.
func fleet(t *testing.T, role, dsn string) {
	t.Helper()
	var logs [fleetSize]bytes.Buffer
	var cmds [fleetSize]*exec.Cmd
	for i := range cmds {
		cmds[i] = command(t, role, dsn)
		cmds[i].Stderr = &logs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, logs[i].String())
		}
	}
}

func wantEachOnce(t *testing.T, s *bunstore.Store) {
	t.Helper()
	for _, op := range fleetOps(s, "") {
		if n := count(t, s, op.ID, "done"); n != 1 {
			t.Errorf("%s took effect %d times", op.ID, n)
		}
	}
}

// Processes that start together on an empty database: each op takes effect once, and no process
// reports an error.
func TestAFleetOnAnEmptyDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		for _, name := range strategies.Names() {
			t.Run(name, func(t *testing.T) {
				s := ledger(t, dsn)
				for _, table := range []string{"effects", "seq_leases", "seq_controls", "seq_runs", "seq_ops", "seq_attempts", "seq_meta"} {
					query(t, s, "DROP TABLE IF EXISTS "+table)
				}
				effects(t, s)
				fleet(t, name, dsn)
				wantEachOnce(t, s)
			})
		}
	})
}

// Processes that all pick up what is due: each op once.
func TestAFleetOnASchedule(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		effects(t, s)
		ops := fleetOps(s, "due")
		for i := range ops {
			ops[i].ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Minute) }
		}
		anHourAgo := clock.NewMock(time.Now().Add(-time.Hour))
		if r, err := seq.New(s, ops...).Use(seq.WithClock(anHourAgo)).Run(t.Context()); err != nil || len(r.Scheduled()) != len(ops) {
			t.Fatalf("%v\n%s", err, r)
		}
		fleet(t, "due", dsn)
		wantEachOnce(t, s)
	})
}

// A process that is killed in the middle of an op is taken over when its lease has expired, and
// what it had done is not done again.
func TestAKilledProcessIsTakenOver(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn, bunstore.LeaseTTL(5*time.Second))
		effects(t, s)
		cmd := command(t, "hang", dsn)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 7)
		if _, err := out.Read(line); err != nil || !strings.HasPrefix(string(line), "hanging") {
			t.Fatalf("the child says %q, %v", line, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if r, err := seq.New(s, fleetOps(s, "")...).Run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
		wantEachOnce(t, s)
		history, err := s.History(t.Context(), "2024_01_15_120005_op", store.Page{Limit: 1000})
		if err != nil || len(history) != 2 || !history[1].Lost || history[1].Owner.PID != cmd.Process.Pid {
			t.Errorf("the history is %+v, %v", history, err)
		}
	})
}
