package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/engine"
)

// serves is a worker process: it lives, takes orders and does them, until it is told to stop; then it ends
// what it has, and gives its life back. It does what package fleet does around the engine's worker.
func (w *World) serves(r *replica, s *seq.Sequencer) error {
	if stays := r.life.stays; stays > 0 {
		defer w.clock.AfterFunc(stays, r.cancel)()
	}
	e, err := engine.OfSequencer(r.ctx, s)
	if err != nil {
		panic(err)
	}
	worker, err := e.NewWorker()
	if err != nil {
		panic(err)
	}
	alive, end := context.WithCancel(w.base)
	go func() {
		select {
		case <-r.died:
		case <-alive.Done():
		}
		end()
	}()
	living, die := context.WithCancel(alive)
	var life, slots sync.WaitGroup
	life.Go(func() { r.lives(living, worker) })
	defer context.AfterFunc(r.ctx, worker.Drain)()
	for i := range max(r.life.atATime, 1) {
		slots.Go(func() { r.does(worker, fmt.Sprint("slot ", i)) })
	}
	slots.Wait()
	die()
	life.Wait()
	worker.Close(alive)
	end()
	if r.yield(stepLife, "end", nil, nil).dead {
		return nil
	}
	r.running = false
	w.logf("r%d has served", r.number)
	r.cancel()
	return nil
}

// lives sees to it that the worker has a life. Orders are taken only while it has one: the engine's worker
// begins one under a lock that others would wait for.
func (r *replica) lives(ctx context.Context, worker *engine.Worker) {
	for n := 0; ctx.Err() == nil; n++ {
		if err := worker.Begin(ctx); err != nil {
			return // ctx has ended, or the worker was closed
		}
		if r.hasLife = true; n > 0 && !r.gone() {
			r.world.count(livedAgain)
		}
		select {
		case <-worker.Lost():
		case <-ctx.Done():
		}
		r.hasLife = false
	}
}

// stepKey is the key of a context's value that tells the steps of one goroutine from those of another.
type stepKey struct{}

// does takes orders and does them, one at a time.
func (r *replica) does(worker *engine.Worker, slot string) {
	w := r.world
	ctx := context.WithValue(context.Background(), stepKey{}, slot)
	for {
		f := r.awaits(stepTake, slot, func() bool { return r.ctx.Err() != nil || r.hasLife && !r.looking && w.mail.arrived() })
		if f.dead || r.ctx.Err() != nil {
			return
		}
		p := w.mail.take(f.luck())
		w.logf("r%d takes the order of %s, %s after attempt %d", r.number, short(p.order.ID), p.order.Direction, p.order.Attempt)
		r.looking, r.doing = true, p.order // the first until it claims
		var o engine.Order
		if err := json.Unmarshal([]byte(r.keyed(p)), &o); err != nil {
			panic(err)
		}
		err := worker.Do(ctx, &o, func(engine.News) {})
		f = r.yield(stepTake, slot+" is done", nil, nil)
		if f.dead {
			return
		}
		r.looking = false
		if w.is(ErrorSwallowed) {
			err = nil
		}
		w.logf("r%d is done with the order of %s: %s", r.number, short(o.ID), w.plain(err))
		w.audit.handled(r, &p.order, err)
		w.mail.finish(p, err, f.luck())
		if errors.Is(err, engine.ErrDraining) {
			continue
		}
		n := engine.News{Holder: p.order.Holder, ID: p.order.ID, Kind: engine.NewsSettled}
		if refused := (*engine.RefusedError)(nil); errors.As(err, &refused) {
			n.Kind, n.Worker, n.Why = engine.NewsRefused, fmt.Sprint("r", r.number), refused.Why
		}
		w.mail.tell(n)
	}
}

// standBy is a worker of a version that comes when the faults are over, and stays until dismissed ends.
func (w *World) standBy(dismissed context.Context, version int) {
	me := &replica{world: w, number: -400 - version, immune: true}
	for n := 0; dismissed.Err() == nil; n++ {
		w.nap(500*time.Millisecond + 3)
		if me.yield(stepLife, fmt.Sprint("stand by ", n), nil, nil).dead {
			return
		}
		if w.quiet {
			break
		}
	}
	if dismissed.Err() != nil {
		return
	}
	r := w.newReplica(serve)
	r.ops = w.scenario.versions[version].ops
	r.immune = true
	r.life = life{atATime: 2}
	defer context.AfterFunc(dismissed, r.cancel)()
	_ = w.perform(r, w.scenario.strategy)
}
