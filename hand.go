package seq

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
)

// hands are goroutines that call the functions of ops, so that a panic or a runtime.Goexit in one
// becomes an error. One that has called an op is used for the next.
type hands struct {
	mu   sync.Mutex
	idle []*hand
	all  sync.WaitGroup
}

type hand struct {
	jobs chan job
	done chan error
}

type job struct {
	ctx context.Context
	fn  func(context.Context) error
}

// protect calls fn in a goroutine that is not the caller's, and returns when fn has.
func (h *hands) protect(ctx context.Context, fn func(context.Context) error) error {
	h.mu.Lock()
	var one *hand
	if n := len(h.idle); n > 0 {
		one, h.idle = h.idle[n-1], h.idle[:n-1]
	}
	h.mu.Unlock()
	if one == nil {
		one = &hand{jobs: make(chan job), done: make(chan error)}
		h.all.Go(one.work)
	}
	one.jobs <- job{ctx, fn}
	err := <-one.done
	if exit, dead := err.(*exitError); dead { //nolint:errorlint // it is the hand's own, never wrapped
		return &exit.PanicError
	}
	h.mu.Lock()
	h.idle = append(h.idle, one)
	h.mu.Unlock()
	return err
}

// close ends the goroutines. Nothing is running any more.
func (h *hands) close() {
	for _, one := range h.idle {
		close(one.jobs)
	}
	h.idle = nil
	h.all.Wait()
}

// exitError says that the goroutine has ended, and its hand with it.
type exitError struct{ PanicError }

func (h *hand) work() {
	var exit *exitError
	defer func() {
		if exit != nil {
			h.done <- exit
		}
	}()
	for j := range h.jobs {
		err := h.call(j, &exit)
		exit = nil // it has not ended, so that was no Goexit
		h.done <- err
	}
}

// call calls a function. If that ends the goroutine, it says so in exit.
func (h *hand) call(j job, exit **exitError) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		stack := string(debug.Stack())
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: stack}
			return
		}
		*exit = &exitError{PanicError{Stack: stack}}
		// With GODEBUG=panicnil=1 it may have been panic(nil); then the goroutine goes on, and this is heard.
		err = &PanicError{Value: new(runtime.PanicNilError), Stack: stack}
	}()
	err = j.fn(j.ctx)
	returned = true
	return err
}

// ask is protect for a question.
func (h *hands) ask(ctx context.Context, fn func(context.Context) (bool, error)) (yes bool, err error) {
	err = h.protect(ctx, func(ctx context.Context) (err error) {
		yes, err = fn(ctx)
		return err
	})
	return yes, err
}
