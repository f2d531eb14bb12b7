package fleet_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// bare is a job of River that does nothing, beside which a step that does nothing is measured.
type bare struct {
	Number int `json:"n"`
}

func (bare) Kind() string { return "bare" }

type bareWorker struct{ river.WorkerDefaults[bare] }

func (bareWorker) Work(context.Context, *river.Job[bare]) error { return nil }

// raw is a worker of River alone, with the settings of the fleet's.
func raw(ctx context.Context, pool *pgxpool.Pool, slots int) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, bareWorker{})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{"raw": {MaxWorkers: 2 * slots}}, Workers: workers, FetchCooldown: time.Millisecond, JobTimeout: -1,
	})
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	<-ctx.Done()
	return client.Stop(context.WithoutCancel(ctx))
}

// prepare is create in another database each time, with the ledger's tables.
func prepare(b *testing.B, w *world) *process {
	b.Helper()
	w.DSN = ""
	p := create(b, w)
	lease, err := p.ledger.Acquire(b.Context(), store.RunLease, store.ThisProcess()) // makes the tables
	if err == nil {
		err = p.ledger.Release(b.Context(), lease)
	}
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// A crew is the processes of a phase. They end before the next one begins.
type crew []*child

func crewOf(b *testing.B, w world, role string, n int) (c crew) {
	b.Helper()
	for range n {
		c = append(c, start(b, w, role))
	}
	return c
}

func (c crew) end(b *testing.B) {
	b.Helper()
	for _, one := range c {
		if err := one.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
	}
	for _, one := range c {
		if err := one.wait(); err != nil {
			b.Fatalf("%v: %s", err, one.errors.String())
		}
	}
}

// written is how many bytes the server has written ahead, and how many transactions the database has committed.
func (p *process) written(b *testing.B) (bytes, commits float64) {
	b.Helper()
	err := p.pool.QueryRow(b.Context(), `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8,
		(SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8`).Scan(&bytes, &commits)
	if err != nil {
		b.Fatal(err)
	}
	return bytes, commits
}

// measure runs what do does, ends the crew, and reports it by step.
func (p *process) measure(b *testing.B, name string, steps int, c crew, do func()) time.Duration {
	b.Helper()
	wal, commits := p.written(b)
	began := time.Now()
	do()
	took := time.Since(began)
	walAfter, _ := p.written(b)
	c.end(b)
	// A session tells its counts when it ends, or when it has been idle for ten seconds.
	p.pool.Reset()
	p.ledger.DB().SetMaxIdleConns(0)
	time.Sleep(100 * time.Millisecond)
	p.ledger.DB().SetMaxIdleConns(8)
	_, commitsAfter := p.written(b)
	b.Logf("%-28s %8.2f ms a step, %6.0f steps/s, %6.0f B of WAL and %.2f commits a step", name, float64(took.Microseconds())/1000/float64(steps),
		float64(steps)/took.Seconds(), (walAfter-wal)/float64(steps), (commitsAfter-commits)/float64(steps))
	return took
}

// ready waits until workers live.
func (p *process) ready(b *testing.B, n int) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var lives int
		err := p.pool.QueryRow(b.Context(), `SELECT count(*) FROM seq_leases WHERE name LIKE 'life:%' AND holder IS NOT NULL AND expires > extract(epoch FROM now()) * 1000`).Scan(&lives)
		if err == nil && lives >= n {
			time.Sleep(500 * time.Millisecond) // and River's client, too
			return
		}
		if time.Now().After(deadline) {
			b.Fatal("the workers do not start")
		}
	}
}

// mustSucceed runs a sequencer whose steps are done by so many workers; 0: by this process.
func (p *process) mustSucceed(b *testing.B, s *seq.Sequencer, workers int) {
	b.Helper()
	if report, err := s.Run(b.Context()); err != nil || report.State != seq.RunSucceeded {
		b.Fatalf("%s, %.300v", report.State, err)
	}
	var lives int
	if err := p.pool.QueryRow(b.Context(), "SELECT count(DISTINCT life) FROM seq_ops WHERE life <> ''").Scan(&lives); err != nil || lives != workers {
		b.Fatalf("%d workers did something, want %d: %v", lives, workers, err)
	}
}

// burn has River do jobs that do nothing, and returns how many clients did some.
func (p *process) burn(b *testing.B, client *river.Client[pgx.Tx], n int) (clients int) {
	b.Helper()
	if _, err := p.pool.Exec(b.Context(), "TRUNCATE river_job"); err != nil {
		b.Fatal(err)
	}
	jobs := make([]river.InsertManyParams, n)
	for i := range jobs {
		jobs[i] = river.InsertManyParams{Args: bare{i}, InsertOpts: &river.InsertOpts{Queue: "raw"}}
	}
	if _, err := client.InsertMany(b.Context(), jobs); err != nil {
		b.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var left int
		if err := p.pool.QueryRow(b.Context(), "SELECT count(*) FROM (SELECT FROM river_job WHERE state <> 'completed' LIMIT 1) AS unfinished").Scan(&left); err != nil {
			b.Fatal(err)
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			b.Fatal("River does not end")
		}
	}
	var done int
	if err := p.pool.QueryRow(b.Context(), "SELECT count(*), count(DISTINCT attempted_by) FROM river_job WHERE state = 'completed'").Scan(&done, &clients); err != nil || done != n {
		b.Fatalf("%d of %d are done: %v", done, n, err)
	}
	return clients
}

// BenchmarkFleet measures the fleet beside River alone and the engine on one machine, on one database server:
//
//	go test ./fleet -run '^$' -bench Fleet -benchtime 1x -v
func BenchmarkFleet(b *testing.B) {
	b.Run("chain", func(b *testing.B) {
		w := world{Ops: 100, Bare: true, Chain: true, Slots: 16}
		p := prepare(b, &w)
		c := crewOf(b, w, "worker", 1)
		p.ready(b, 1)
		took := p.measure(b, "chain on a worker", w.Ops, c, func() { p.mustSucceed(b, p.leader(w).Use(strategies.Sequential()), 1) })
		b.ReportMetric(float64(took.Microseconds())/1000/float64(w.Ops), "ms/step")
	})
	b.Run("independent", func(b *testing.B) {
		w := world{Ops: 5000, Bare: true, Slots: 100}
		p := prepare(b, &w)
		c := crewOf(b, w, "worker", 3)
		p.ready(b, 3)
		took := p.measure(b, "independent on three workers", w.Ops, c, func() { p.mustSucceed(b, p.leader(w), 3) })

		q := prepare(b, &w)
		c = crewOf(b, w, "raw", 3)
		client, err := river.NewClient(riverpgxv5.New(q.pool), &river.Config{FetchCooldown: time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); q.burn(b, client, 1000) < 3; { // until all of them have started
			if time.Now().After(deadline) {
				b.Fatal("River's clients do not start")
			}
		}
		alone := q.measure(b, "River alone", w.Ops, c, func() { q.burn(b, client, w.Ops) })

		l := prepare(b, &w)
		local := l.measure(b, "on one machine", w.Ops, nil, func() { l.mustSucceed(b, l.sequencer(w).Use(strategies.AllowedToFailBatch(strategies.Limit(100))), 0) })
		b.ReportMetric(alone.Seconds()/took.Seconds(), "of-river")
		b.ReportMetric(local.Seconds()/took.Seconds(), "of-local")
	})
	b.Run("sleeping", func(b *testing.B) {
		w := world{Ops: 4800, Bare: true, Slots: 16, Sleep: 100 * time.Millisecond}
		p := prepare(b, &w)
		c := crewOf(b, w, "worker", 3)
		p.ready(b, 3)
		took := p.measure(b, "sleeping 100 ms, 3 times 16", w.Ops, c, func() { p.mustSucceed(b, p.leader(w), 3) })
		ideal := time.Duration(w.Ops/48) * w.Sleep
		b.ReportMetric(100*ideal.Seconds()/took.Seconds(), "%-of-ideal")
	})
}
