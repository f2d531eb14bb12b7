package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/integration/pgtest"
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
		Queues: map[string]river.QueueConfig{"raw": {MaxWorkers: slots}}, Workers: workers, FetchCooldown: time.Millisecond, JobTimeout: -1,
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

func create2(b *testing.B, w *world) *process {
	b.Helper()
	w.dsn = pgtest.DSN(b)
	p, err := w.open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.close)
	if err := fleet.Migrate(b.Context(), p.pool); err != nil {
		b.Fatal(err)
	}
	return p
}

// wal is how many bytes the server has written ahead, and how many transactions the database has committed.
func (p *process) wal(b *testing.B) (bytes, commits float64) {
	b.Helper()
	err := p.pool.QueryRow(b.Context(), `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8,
		(SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8`).Scan(&bytes, &commits)
	if err != nil {
		b.Fatal(err)
	}
	return bytes, commits
}

// measure runs what do does and reports it by step.
func (p *process) measure(b *testing.B, name string, steps int, do func()) time.Duration {
	b.Helper()
	wal, commits := p.wal(b)
	began := time.Now()
	do()
	took := time.Since(began)
	time.Sleep(1100 * time.Millisecond) // the server tells its counts once a second
	walAfter, commitsAfter := p.wal(b)
	b.Logf("%-28s %8.2f ms a step, %6.0f steps/s, %6.0f B of WAL and %.2f commits a step", name, float64(took.Microseconds())/1000/float64(steps),
		float64(steps)/took.Seconds(), (walAfter-wal)/float64(steps), (commitsAfter-commits)/float64(steps))
	return took
}

// ready waits until workers live.
func (p *process) ready(b *testing.B, n int) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var lives int
		err := p.pool.QueryRow(b.Context(), `SELECT count(*) FROM seq_leases WHERE name LIKE 'life:%' AND holder IS NOT NULL`).Scan(&lives)
		if err == nil && lives >= n {
			time.Sleep(500 * time.Millisecond) // and River's client, too
			return
		}
		if time.Now().After(deadline) {
			b.Fatal("the workers do not start")
		}
	}
}

func mustSucceed(b *testing.B, s *seq.Sequencer) {
	b.Helper()
	if report, err := s.Run(b.Context()); err != nil || report.State != seq.RunSucceeded {
		b.Fatalf("%s, %.300v", report.State, err)
	}
}

// BenchmarkFleet measures the fleet beside River alone and the engine on one machine, on one database server:
//
//	go test ./fleet -run '^$' -bench Fleet -benchtime 1x -v
func BenchmarkFleet(b *testing.B) {
	b.Run("chain", func(b *testing.B) {
		w := world{ops: 100, bare: true, chain: true, slots: 16}
		p := create2(b, &w)
		start(b, w, "worker")
		p.ready(b, 1)
		p.measure(b, "chain on a worker", w.ops, func() { mustSucceed(b, p.leader(w).Use(strategies.Sequential())) })
	})
	b.Run("independent", func(b *testing.B) {
		w := world{ops: 5000, bare: true, slots: 100}
		p := create2(b, &w)
		for range 3 {
			start(b, w, "worker")
		}
		p.ready(b, 3)
		took := p.measure(b, "independent on three workers", w.ops, func() { mustSucceed(b, p.leader(w)) })

		q := create2(b, &w)
		for range 3 {
			start(b, w, "raw")
		}
		client, err := river.NewClient(riverpgxv5.New(q.pool), &river.Config{FetchCooldown: time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		burn := func(n int) {
			jobs := make([]river.InsertManyParams, n)
			for i := range jobs {
				jobs[i] = river.InsertManyParams{Args: bare{i}, InsertOpts: &river.InsertOpts{Queue: "raw"}}
			}
			if _, err := client.InsertMany(b.Context(), jobs); err != nil {
				b.Fatal(err)
			}
			for left := n; left > 0; time.Sleep(5 * time.Millisecond) {
				row := q.pool.QueryRow(b.Context(), "SELECT count(*) FROM (SELECT FROM river_job WHERE state IN ('available', 'running') LIMIT 1) AS unfinished")
				if err := row.Scan(&left); err != nil {
					b.Fatal(err)
				}
			}
		}
		burn(10) // the clients have started
		alone := q.measure(b, "River alone", w.ops, func() { burn(w.ops) })

		l := create2(b, &w)
		local := l.measure(b, "on one machine", w.ops, func() { mustSucceed(b, l.sequencer(w).Use(strategies.Batch(strategies.Limit(100)))) })
		b.ReportMetric(alone.Seconds()/took.Seconds(), "of-river")
		b.ReportMetric(local.Seconds()/took.Seconds(), "of-local")
	})
	b.Run("sleeping", func(b *testing.B) {
		w := world{ops: 960, bare: true, slots: 16, sleep: 100 * time.Millisecond}
		p := create2(b, &w)
		for range 3 {
			start(b, w, "worker")
		}
		p.ready(b, 3)
		took := p.measure(b, "sleeping 100 ms, 3 times 16", w.ops, func() { mustSucceed(b, p.leader(w)) })
		ideal := time.Duration(w.ops/48) * w.sleep
		b.ReportMetric(100*ideal.Seconds()/took.Seconds(), "%-of-ideal")
	})
}
