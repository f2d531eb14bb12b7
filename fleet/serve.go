package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/store"
)

// Timeout implements river.Worker: River bounds no op. The op's own time-out, or the strategy's, does.
func (w *Worker) Timeout(*river.Job[Job]) time.Duration { return -1 }

// NextRetry implements river.Worker: after an error of the ledger, soon, and then less often.
func (w *Worker) NextRetry(job *river.Job[Job]) time.Time {
	return time.Now().Add(min(time.Duration(job.Attempt)*time.Second, 30*time.Second)) //nolint:forbidigo // River's rows are in its own time
}

// Work implements river.Worker. The job is completed when the order is done with, whatever became of the op,
// which is in the ledger. An order that this worker cannot do rests, and is left to another one. Only an error
// of the ledger that came before the claim is River's business.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	err := w.do(ctx, job.Args.Order, w.tell)
	if refused := (*engine.RefusedError)(nil); errors.As(err, &refused) {
		_ = river.MetadataSet(ctx, refusedKey, refusal{store.ThisProcess().String(), refused.Why}) // an error: it is a test's context
		return river.JobSnooze(snooze)
	}
	if errors.Is(err, engine.ErrDraining) {
		return river.JobSnooze(handedOn)
	}
	return err
}

// handedOn is how long an order rests that a worker gives back because it ends: until its client takes no more.
const handedOn = 100 * time.Millisecond

// atHand is how many orders a client takes for each one that its worker does at a time. A client of River that
// takes a job while others end does not look for more until the next one ends: of 16 slots that sleep a tenth
// of a second each, half stood empty (integration/fleet, BenchmarkFleet/sleeping: 55 % of the ideal).
const atHand = 2

// Config is a River client's configuration for a worker, to be changed where a service wants more of it. What
// is set, and why: FetchCooldown 1 ms, because River's 100 ms lets a client take only as many jobs at a time as
// it has slots, ten times a second; MaxWorkers twice the [Slots], which w gets itself, so that the next order is at hand
// when one ends (one that is not begun within some ten seconds goes to a worker that is free); JobTimeout -1,
// because ops take as long as they take; SoftStopTimeout 0, so that a client that is told to stop drains.
func Config(w *Worker, opts ...RiverOption) (*river.Config, error) {
	o, err := adjusted(opts)
	if err != nil {
		return nil, err
	}
	w.inner.Limit(o.slots)
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, w); err != nil {
		return nil, fmt.Errorf("a worker of the fleet: %w", err)
	}
	return &river.Config{
		Queues:            map[string]river.QueueConfig{o.queue: {MaxWorkers: atHand * o.slots}},
		Workers:           workers,
		FetchCooldown:     fetchCooldown,
		FetchPollInterval: o.poll,
		PollOnly:          o.poll > 0,
		JobTimeout:        -1,
		Schema:            o.schema,
		Logger:            o.logger,
	}, nil
}

// Serve makes this process a worker: it does orders with the ops of s until ctx ends, then drains, and returns
// when what was under way is done. A service that has a River client adds a [Worker] to that instead.
func Serve(ctx context.Context, pool *pgxpool.Pool, s *seq.Sequencer, opts ...RiverOption) error {
	teller := Tell(pool)
	defer teller.Close()
	w, err := NewWorker(s, teller.Tell)
	if err != nil {
		return err
	}
	end := context.WithoutCancel(ctx)
	defer w.Close(end)
	config, err := Config(w, opts...)
	if err != nil {
		return err
	}
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return fmt.Errorf("a worker of the fleet: %w", err)
	}
	if err := client.Start(end); err != nil {
		return fmt.Errorf("a worker of the fleet: %w", explain(err))
	}
	<-ctx.Done()
	w.Drain()
	if err := client.Stop(end); err != nil {
		return fmt.Errorf("drain the worker: %w", err)
	}
	return nil
}
