package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// ErrLifeOver is the cause of the end of an op's context when the worker was not heard of for longer than a
// lease lasts: others may close what it had begun. That the run's lease is lost ends no op of a worker.
var ErrLifeOver = ledger.ErrLifeOver

// A Worker does orders with the ops of a sequencer. It is a River worker: river.AddWorker takes it. Close it
// when the River client has stopped.
type Worker struct {
	river.WorkerDefaults[Job]
	inner *engine.Worker
	tell  func(News)

	stop context.CancelFunc
	done sync.WaitGroup
}

// News is what a worker tells a leader, for its watchers. It may be lost.
type News = engine.News

// NewWorker returns a worker that has the ops, the ledger, the settings and the middleware of s; of the
// middleware only what stands inside of the record layer takes part. Its life begins at once, in the
// background, so that leaders know that it is there. tell takes news to the leader, see [Tell]; nil means that
// leaders find out by asking the ledger. It fails for a sequencer that Run would refuse.
func NewWorker(s *seq.Sequencer, tell func(News)) (*Worker, error) {
	e, err := engine.OfSequencer(context.Background(), s)
	if err != nil {
		return nil, fmt.Errorf("a worker of the fleet: %w", err)
	}
	inner, err := e.NewWorker()
	if err != nil {
		return nil, fmt.Errorf("a worker of the fleet: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Worker{inner: inner, tell: tell, stop: stop}
	w.done.Go(func() { w.live(ctx) })
	return w, nil
}

// live sees to it that the worker has a life.
func (w *Worker) live(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.inner.Begin(ctx); err != nil {
			_ = clock.Sleep(ctx, clock.Wall(), time.Second)
			continue
		}
		select {
		case <-w.inner.Lost():
		case <-ctx.Done():
		}
	}
}

// Drain keeps the worker from beginning anything more, and sends back what it has taken and not begun. Call it
// before the River client is stopped, which then waits only for what is under way.
func (w *Worker) Drain() { w.inner.Drain() }

// Close ends the worker's life. Call it when no order is under way any more. It waits, for as long as ctx
// lasts, for outcomes that the ledger could not be told yet.
func (w *Worker) Close(ctx context.Context) {
	w.stop()
	w.done.Wait()
	w.inner.Close(ctx)
}

// do carries out an order as it came.
func (w *Worker) do(ctx context.Context, text string, tell func(News)) error {
	var o Order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return &engine.RefusedError{ID: "an order", Why: fmt.Sprintf("it cannot be read: %v", err)}
	}
	err := w.inner.Do(ctx, &o, tell)
	if tell == nil || errors.Is(err, engine.ErrDraining) {
		return err
	}
	n := News{Holder: o.Holder, ID: o.ID, Kind: engine.NewsSettled}
	if refused := (*engine.RefusedError)(nil); errors.As(err, &refused) {
		n.Kind, n.Worker, n.Why = engine.NewsRefused, store.ThisProcess().String(), refused.Why
	}
	tell(n)
	return err
}

func encode(o *Order) (string, error) {
	text, err := json.Marshal(o)
	return string(text), err
}
