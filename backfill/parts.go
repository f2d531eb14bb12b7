package backfill

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sequencer-go/seq/internal/safecall"
)

var errGoexit = errors.New("a batch ended its goroutine")

// all works on the parts, each in turn, several at a time. If one fails the others are told to stop; the
// first error is what it returns.
func (r *runner[K]) all(ctx context.Context) error {
	workers := min(r.workers(), len(r.cursor.Parts))
	if workers <= 1 {
		for i := range r.cursor.Parts {
			if err := r.do(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(r.cursor.Parts); i = int(next.Add(1)) - 1 {
				// A panic would end the process, not the op: nobody above this goroutine catches it.
				if err := safecall.Do(func() error { return r.do(ctx, i) }); err != nil {
					once.Do(func() { first = err; stop(err) })
					return
				}
			}
		})
	}
	wg.Wait()
	if _, over := r.cursor.done(); first == nil && over < len(r.cursor.Parts) {
		return errGoexit
	}
	return first
}
