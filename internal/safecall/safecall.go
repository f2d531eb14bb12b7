// Package safecall calls functions that may panic or end their goroutine, and makes errors of that.
package safecall

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/sequencer-go/seq/exec"
)

// Do calls fn in the caller's goroutine, and makes an error of its panic.
func Do(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &exec.PanicError{Value: v, Stack: string(debug.Stack())}
		}
	}()
	return fn()
}

// A Pool is a set of goroutines that call functions, so that a runtime.Goexit in one becomes an error
// too. A goroutine that has called one is used for the next: with a new one for each, a whole Run on memory
// costs 2.2 times the processor time and seven allocations a step (bench, Run/load=a). The zero Pool is
// ready to use.
type Pool struct {
	mu      sync.Mutex
	idle    []*worker
	all     []*worker
	workers sync.WaitGroup
}

type worker struct {
	mu        sync.Mutex
	goroutine string // "goroutine 7 ", as a dump of all stacks names it
	jobs      chan job
	done      chan error
}

type job struct {
	ctx context.Context
	fn  func(context.Context) error
}

// Call calls fn in a goroutine that is not the caller's, and returns when fn has.
func (p *Pool) Call(ctx context.Context, fn func(context.Context) error) error {
	p.mu.Lock()
	var w *worker
	if n := len(p.idle); n > 0 {
		w, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	if w == nil {
		w = &worker{jobs: make(chan job), done: make(chan error)}
		p.workers.Go(w.work)
		p.mu.Lock()
		p.all = append(p.all, w)
		p.mu.Unlock()
	}
	w.jobs <- job{ctx, fn}
	err := <-w.done
	if exit, dead := err.(*exitError); dead { //nolint:errorlint // it is the worker's own, never wrapped
		return &exit.PanicError
	}
	p.mu.Lock()
	p.idle = append(p.idle, w)
	p.mu.Unlock()
	return err
}

// Ask is Call for a question.
func (p *Pool) Ask(ctx context.Context, fn func(context.Context) (bool, error)) (yes bool, err error) {
	err = p.Call(ctx, func(ctx context.Context) (err error) {
		yes, err = fn(ctx)
		return err
	})
	return yes, err
}

// Close ends the goroutines. Nothing may be running any more; the pool may be used again.
func (p *Pool) Close() {
	for _, w := range p.idle {
		close(w.jobs)
	}
	p.idle, p.all = nil, nil
	p.workers.Wait()
}

// maxDump bounds a dump of all stacks of the process.
const maxDump = 1 << 20

// Stacks are the stacks of the pool's goroutines, also of those that are idle.
func (p *Pool) Stacks() string {
	p.mu.Lock()
	var ours []string
	for _, w := range p.all {
		w.mu.Lock()
		ours = append(ours, w.goroutine)
		w.mu.Unlock()
	}
	p.mu.Unlock()
	dump := make([]byte, maxDump)
	dump = dump[:runtime.Stack(dump, true)]
	var stacks []string
	for stack := range strings.SplitSeq(string(dump), "\n\n") {
		if slices.ContainsFunc(ours, func(g string) bool { return g != "" && strings.HasPrefix(stack, g) }) {
			stacks = append(stacks, stack)
		}
	}
	return strings.Join(stacks, "\n\n")
}

// exitError says that the goroutine has ended, and its worker with it.
type exitError struct{ exec.PanicError }

func (w *worker) work() {
	header := make([]byte, 32)
	header = header[:runtime.Stack(header, false)]
	id, _, _ := strings.Cut(string(header), "[")
	w.mu.Lock()
	w.goroutine = id
	w.mu.Unlock()
	var exit *exitError
	defer func() {
		if exit != nil {
			w.done <- exit
		}
	}()
	for j := range w.jobs {
		err := w.call(j, &exit)
		exit = nil // it has not ended, so that was no Goexit
		w.done <- err
	}
}

// call calls a function. If that ends the goroutine, it says so in exit.
func (w *worker) call(j job, exit **exitError) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		stack := string(debug.Stack())
		if v := recover(); v != nil {
			err = &exec.PanicError{Value: v, Stack: stack}
			return
		}
		*exit = &exitError{exec.PanicError{Stack: stack}}
		// With GODEBUG=panicnil=1 it may have been panic(nil); then the goroutine goes on, and this is returned.
		err = &exec.PanicError{Value: new(runtime.PanicNilError), Stack: stack}
	}()
	err = j.fn(j.ctx)
	returned = true
	return err
}
