package kill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store/bunstore"
)

// backfillEnv makes this test binary a worker at a backfill: it holds a backfillOrder as JSON.
const backfillEnv = "SEQ_KILL_BACKFILL_CHILD"

// A backfillOrder says which rows a worker increments.
type backfillOrder struct {
	DSN   string
	Parts int
	Rows  int64
	TTL   time.Duration

	server  *server  // that is restarted, and loses commits; nil: neither
	proxies []*proxy // which lose them
}

const backfillID = "2026_11_01_110000_increment"

// op does what must not be done twice, in small batches.
func (o *backfillOrder) op() seq.Op {
	return backfill.Op(backfillID, backfill.Job[int64]{
		From: backfill.Dense{Table: "rows", Key: "id"}, Parts: o.Parts, Size: 50, MinSize: 50, MaxSize: 50,
		Do: func(ctx context.Context, r backfill.Range[int64]) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE rows SET n = n + 1 WHERE id BETWEEN ? AND ?`, r.First, r.Last)
			return err
		},
	})
}

// obey works until it is told to end.
func (o *backfillOrder) obey() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ledger, err := connectFor(o.DSN, o.TTL)
	if err == nil {
		ledger.DB().SetMaxOpenConns(2 + o.Parts)
		err = seq.New(ledger, o.op()).Work(ctx)
	}
	if ctx.Err() != nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func backfillWorker() {
	if text := os.Getenv(backfillEnv); text != "" {
		var o backfillOrder
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			panic(err)
		}
		os.Exit(o.obey())
	}
}

// Workers at one backfill are killed, as often as -kill.rounds says, and stopped for longer than their lease lasts, two
// at a time and at random. Postgres is restarted as well, and loses a commit of each worker, or the answer to it. Each
// row is done once.
func TestBackfillSurvives(t *testing.T) {
	if testing.Short() {
		t.Skip("processes are killed without -short")
	}
	kills := *rounds
	for name, o := range map[string]backfillOrder{
		"sqlite":          {DSN: filepath.Join(t.TempDir(), "seq.db"), Parts: 1},
		"postgres":        {Parts: 1},
		"postgres, parts": {Parts: 4},
	} {
		t.Run(name, func(t *testing.T) {
			if o.DSN == "" {
				srv, err := newServer()
				if err != nil {
					missing(t, "postgres", err)
				}
				defer srv.close()
				o.server, o.DSN = srv, srv.database(t, "backfill")
			}
			o.TTL = time.Second
			o.Rows = int64(kills) * 20_000
			if strings.HasSuffix(o.DSN, ".db") {
				o.Rows /= 2
			}
			o.survive(t, kills)
		})
	}
}

func (o *backfillOrder) survive(t *testing.T, kills int) {
	ctx := t.Context()
	ledger, err := connectFor(o.DSN, o.TTL)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	for _, s := range []string{
		`CREATE TABLE rows (id bigint PRIMARY KEY, n integer NOT NULL)`,
		fmt.Sprintf(`INSERT INTO rows (id, n) WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i, 0 FROM s`, o.Rows),
	} {
		if _, err := ledger.DB().ExecContext(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	app := seq.New(ledger, o.op())
	how := func() (op *seq.OpStatus) {
		err := until(ctx, patience, "the server answers", func() (bool, error) {
			status, err := app.Status(ctx)
			if err != nil && o.server == nil {
				return true, err
			}
			if err == nil {
				op = status.Op(backfillID)
			}
			return err == nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	killed, stopped, restarted := 0, 0, 0
	workers := []*exec.Cmd{o.start(t), o.start(t)}
	for late := time.Now().Add(patience + time.Duration(kills)*10*time.Second); !how().State.Done(); {
		if time.Now().After(late) {
			t.Fatalf("it takes too long: %+v", how())
		}
		if killed+stopped+restarted == kills {
			if err := clock.Sleep(ctx, clock.Wall(), 50*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			continue
		}
		// As long as a batch commits between two kills, no person is needed.
		before := how().Done
		err := until(ctx, patience, "a batch is committed", func() (bool, error) { op := how(); return op.Done > before || op.State.Done(), nil })
		if err == nil {
			err = clock.Sleep(ctx, clock.Wall(), rand.N(300*time.Millisecond))
		}
		if err != nil {
			t.Fatalf("%v: %+v", err, how())
		}
		n := rand.N(2)
		switch w, what := workers[n], rand.N(4); {
		case what == 1 && o.server != nil:
			restarted++
			if err := o.server.ask("restart\n"); err != nil {
				t.Fatal(err)
			}
		case what == 0: // it wakes when another works
			stopped++
			_ = w.Process.Signal(syscall.SIGSTOP)
			err := clock.Sleep(ctx, clock.Wall(), o.TTL+rand.N(o.TTL))
			_ = w.Process.Signal(syscall.SIGCONT)
			if err != nil {
				t.Fatal(err)
			}
		default:
			killed++
			_ = w.Process.Kill()
			_ = w.Wait()
			workers[n] = o.start(t)
		}
	}
	for _, w := range workers {
		_ = w.Process.Signal(syscall.SIGTERM)
		if err := w.Wait(); err != nil {
			t.Errorf("a worker that was told to end: %v", err)
		}
	}
	var once, all int64
	if err := ledger.DB().QueryRowContext(ctx, `SELECT count(CASE WHEN n = 1 THEN 1 END), count(*) FROM rows`).Scan(&once, &all); err != nil {
		t.Fatal(err)
	}
	if once != o.Rows || all != o.Rows {
		t.Errorf("%d rows of %d were done once, want all of %d", once, all, o.Rows)
	}
	if op := how(); op.Done != o.Rows {
		t.Errorf("the ledger says %d of %d", op.Done, op.Total)
	}
	lost := 0
	for _, p := range o.proxies {
		if p.commits.Load() >= p.nth {
			lost++
		}
	}
	t.Logf("%d rows, %d killed, %d stopped beyond the lease, %d restarts of the server, %d commits lost; %d attempts",
		all, killed, stopped, restarted, lost, how().Attempt)
	if o.server != nil && lost == 0 {
		t.Error("no commit was lost")
	}
	if killed+stopped+restarted < kills {
		t.Errorf("it was over after %d of %d: use more rows", killed+stopped+restarted, kills)
	}
}

func (o *backfillOrder) start(t *testing.T) *exec.Cmd {
	t.Helper()
	worker := *o
	if o.server != nil {
		p, err := newProxy(t.Context(), o.DSN, 2+rand.N(100), []manner{unheard, unanswered}[rand.N(2)])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.close)
		o.proxies, worker.DSN = append(o.proxies, p), p.dsn(o.DSN)
	}
	text, err := json.Marshal(&worker)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), backfillEnv+"="+string(text), "GORACE="+raceOptions)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
