package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// works calls Work until the replica is told to stop.
func (w *World) works(r *replica, s *seq.Sequencer) error {
	if stays := r.life.stays; stays > 0 {
		defer w.clock.AfterFunc(stays, r.cancel)()
	}
	err := s.Work(r.ctx, seq.AtATime(max(r.life.atATime, 1)))
	if r.yield(stepLife, "end", nil, nil).dead {
		return err
	}
	r.running = false
	w.logf("r%d has worked: %v", r.number, w.plain(err))
	if !errors.Is(err, context.Canceled) {
		w.violate(24, "r%d: Work returns %v, and nobody told it to", r.number, err)
	}
	return err
}

// asks makes the request of an operator's life.
func (w *World) asks(r *replica, s *seq.Sequencer, q request) error {
	id := ""
	if ops := r.inBackground(); len(ops) > 0 {
		id = ops[q.nth%len(ops)].id
	} else if q.verb == pauses || q.verb == resumes || q.verb == sets || q.verb == cancels {
		return nil
	}
	who := []seq.RunOption{seq.By(q.by), seq.Because("the simulation says so")}
	holding := who
	if q.until > 0 {
		holding = append(who[:2:2], seq.Until(q.until))
	}
	var err error
	switch q.verb {
	case pauses:
		_, err = s.Pause(r.ctx, id, who...)
	case resumes:
		_, err = s.Resume(r.ctx, id, who...)
	case sets:
		_, err = s.Set(r.ctx, id, 10, 5*time.Millisecond, who...)
	case cancels:
		_, err = s.Cancel(r.ctx, id, who...)
	case holds:
		_, err = s.Hold(r.ctx, holding...)
	case stops:
		if q.force {
			holding = append(slices.Clip(holding), seq.Force(time.Second))
		}
		_, err = s.Stop(r.ctx, holding...)
	case releases:
		_, err = s.Release(r.ctx, who...)
	}
	if r.yield(stepLife, "end", nil, nil).dead {
		return err
	}
	r.running = false
	w.logf("r%d has asked %s %s: %v", r.number, q.verb, short(id), w.plain(err))
	r.cancel()
	return err
}

// asked is a request of the person who puts everything in order.
func (w *World) asked(verb, id string) {
	r := w.newReplica(asksFor)
	r.strategy, r.running = w.scenario.strategy, true
	r.immune = true
	q := request{verb: verb, by: inPerson}
	for i, o := range r.inBackground() {
		if o.id == id {
			q.nth = i
		}
	}
	_ = w.asks(r, w.sequencer(r), q)
}

// keep releases what people hold when the faults are over, so that whoever waits for it comes to an end.
func (w *World) keep(others *atomic.Bool) {
	me := &replica{world: w, number: -200, immune: true}
	for n := 0; !others.Load(); n++ {
		w.nap(time.Second + 3)
		if me.yield(stepLife, fmt.Sprint("keep ", n), nil, nil).dead {
			return
		}
		if c := w.db.control(store.RunLease); w.quiet && c.Wanted != store.WantGo && !others.Load() {
			w.asked(releases, "")
		}
	}
}

// resume takes back all pauses and holds, and has done again what was rolled back. It reports whether
// there was anything.
func (w *World) resume(r *replica) (asked bool) {
	ask := func(verb, id string) { asked = true; w.asked(verb, id) }
	if c := w.db.control(store.RunLease); c.Wanted != store.WantGo {
		ask(releases, "")
	}
	for _, op := range r.inBackground() {
		c := w.db.control(op.id)
		if old := op.formerly(); old != "" && c.Number == 0 { // what was asked under the ID before holds
			c = w.db.control(old)
		}
		switch state := w.state(op.id); {
		case c.Wanted == store.WantPause && state != store.Succeeded, c.Wanted == store.WantGo && state == store.RolledBack && w.left(op):
			ask(resumes, op.id)
		}
	}
	return asked
}

// awaitsSaga reports whether an op in the background depends on what a saga did that has no end, and that no run
// goes on with: see docs/reliability.md, limits.
func (w *World) awaitsSaga(op *opSpec) bool {
	return op.background != nil && slices.ContainsFunc(op.deps, func(dep string) bool {
		e := w.entry(dep)
		if e == nil {
			return false
		}
		run := w.db.run(e.Run)
		return run != nil && run.Saga && run.Unfinished()
	})
}

// left reports whether an op that was rolled back is left alone until somebody resumes it.
func (w *World) left(op *opSpec) bool {
	c := w.db.control(op.id)
	return c.Heard >= c.Number || c.Asked.Before(w.audit.batchesOf(op.id).rolled)
}

// workOff works until nothing in the background is left that anybody could do.
func (w *World) workOff() {
	r := w.newReplica(work)
	r.immune = true
	r.life = life{atATime: 2}
	watch := &replica{world: w, number: -300, immune: true}
	go func() {
		for n := range 200 {
			w.nap(500*time.Millisecond + 7)
			if watch.yield(stepLife, fmt.Sprint("watch ", n), nil, nil).dead || w.atRest(r) {
				break
			}
		}
		r.cancel()
	}()
	_ = w.perform(r, w.scenario.strategy)
}

// atRest reports whether no op in the background is left that a worker could do.
func (w *World) atRest(r *replica) bool {
	for _, op := range r.inBackground() {
		e := w.entry(op.id)
		switch {
		case e != nil && (e.State == store.Succeeded || e.Crashes >= 3 && !e.State.Open()):
		case e != nil && e.State.Open():
			return false
		case w.cancelled(op), w.audit.unmet(op), w.awaitsSaga(op):
		case e != nil && (e.State == store.RollbackFailed || e.State == store.RollbackPending):
		case e != nil && e.State == store.RolledBack && w.left(op):
		default:
			return false
		}
	}
	return true
}

// cancelled reports whether somebody ended an op for good, under its ID or the one that it had before.
func (w *World) cancelled(op *opSpec) bool {
	old := op.formerly()
	return w.db.control(op.id).Wanted == store.WantCancel || old != "" && w.db.control(old).Wanted == store.WantCancel
}

// replaceOld is what a deploy does that gives an op another ID: the processes of the old version are told
// to stop, and one that undoes something is killed. See docs/reliability.md, limits.
func (w *World) replaceOld() {
	if !w.background || !w.scenario.renaming() {
		return
	}
	for _, r := range w.replicas {
		switch {
		case !r.running || r.gone():
		case r.action == rollBack || r.action == undoOne:
			w.kill(r)
		default:
			r.cancel()
		}
	}
}
