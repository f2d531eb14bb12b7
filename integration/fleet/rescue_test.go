package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/sequencer-go/seq/fleet"
)

// stuck is for how long a job may run until the rescuers of these tests take it for stuck: less than an op takes.
const stuck = 500 * time.Millisecond

// service is a worker within a River client of somebody's own, which leaves maintenance to others.
func service(ctx context.Context, p *process, w world) error {
	teller := fleet.Tell(p.pool)
	defer teller.Close()
	worker, err := fleet.NewWorker(p.sequencer(w), teller.Tell)
	if err != nil {
		return err
	}
	end := context.WithoutCancel(ctx)
	defer worker.Close(end)
	config, err := fleet.Config(worker, fleet.Slots(w.slots()))
	if err != nil {
		return err
	}
	config.ID, config.LeaderElectionDisabled = w.Name, true
	client, err := river.NewClient(riverpgxv5.New(p.pool), config)
	if err != nil {
		return err
	}
	if err := client.Start(end); err != nil {
		return err
	}
	<-ctx.Done()
	worker.Drain()
	return client.Stop(end)
}

// impatient is what a client believes of orders that has them rescued: that each takes no longer than stuck. River
// leaves those alone whose time has no end, as a fleet.Worker says of its own.
type impatient struct {
	river.WorkerDefaults[fleet.Job]
}

func (impatient) Work(context.Context, *river.Job[fleet.Job]) error {
	return errors.New("this client has no orders done")
}
func (impatient) Timeout(*river.Job[fleet.Job]) time.Duration { return stuck }
func (impatient) NextRetry(*river.Job[fleet.Job]) time.Time   { return time.Now() }

// maintain is a River client that does nothing but maintain, until ctx ends. River's rescuer looks when it begins,
// and then every half a minute, so the client begins again and again.
func (p *process) maintain(ctx context.Context, knowsOrders bool) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, bareWorker{})
	if knowsOrders {
		river.AddWorker(workers, impatient{})
	}
	for ctx.Err() == nil {
		client, err := river.NewClient(riverpgxv5.New(p.pool), &river.Config{
			Queues: map[string]river.QueueConfig{"elsewhere": {MaxWorkers: 1}}, Workers: workers,
			JobTimeout: stuck, RescueStuckJobsAfter: stuck, TestOnly: true, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		if err := client.Start(ctx); err != nil {
			return err
		}
		_ = pause(ctx, stuck)
		if err := client.Stop(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// TestRescue: River rescues jobs that run for long, of a worker that was killed and of those that live. One client
// that maintains has them delivered again, another one does not know orders and discards them. No op is called by
// a redelivery, and none is missed.
func TestRescue(t *testing.T) {
	for name, knowsOrders := range map[string]bool{"delivered again": true, "discarded": false} {
		t.Run(name, func(t *testing.T) {
			w := world{Ops: 32, Sleep: 1200 * time.Millisecond}
			p := create(t, &w)
			short := w
			short.Lease, short.Name = 2*lease, "victim" // River is quicker than the leader
			victim := start(t, short, "service")
			w.Name = "other"
			start(t, w, "service")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			maintained := make(chan error, 1)
			go func() { maintained <- p.maintain(ctx, knowsOrders) }()
			ended := p.lead(t, w)
			eventually(t, "the middle", func() bool {
				return p.done(t) > 8 && p.count(t, "SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_by[1] = 'victim'") > 0
			})
			victim.signal(t, syscall.SIGKILL)
			_ = victim.wait()
			run := <-ended
			cancel()
			if err := <-maintained; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			again, unknown := p.audit(t, w)
			if (run.err == nil) != (unknown == 0) {
				t.Errorf("%s, %v, and %d unknown", run.report.State, run.err, unknown)
			}
			rescued := p.count(t, "SELECT count(*) FROM river_job WHERE errors::text LIKE '%Stuck job rescued%'")
			redelivered := p.count(t, "SELECT count(*) FROM river_job WHERE errors::text LIKE '%Stuck job rescued%' AND cardinality(attempted_by) > 1")
			t.Logf("%d jobs rescued, %d delivered again; %d attempts lost, %d Repeatable ops done twice, %d Once ops unknown",
				rescued, redelivered, p.lost(t), again, unknown)
			if rescued < 10 || knowsOrders && redelivered < 10 {
				t.Error("too few to mean anything")
			}
			p.lostOnlyOf(t, strconv.Itoa(victim.cmd.Process.Pid))
			if n := p.count(t, "SELECT count(*) FROM seq_attempts WHERE ended <> 'lost'"); n > 0 {
				t.Errorf("%d attempts were repeated that nobody had lost", n)
			}
		})
	}
}
