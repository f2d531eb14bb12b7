package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// briefer is a store with a capability.
type briefer struct {
	*store.Memory
	brief int
}

func (b *briefer) Brief(ctx context.Context, each func(store.Entry)) ([]string, error) {
	b.brief++
	entries, err := b.Load(ctx)
	for _, e := range entries {
		each(e)
	}
	return nil, err
}

var errLoad = errors.New("load")

// What stands before a store.
type (
	Bare     struct{ store.Store }
	second   struct{ *Bare }
	loads    struct{ store.Store }
	loadsPtr struct{ store.Store }
	hides    struct{ store.Store }
)

func (loads) Load(context.Context) ([]store.Entry, error)     { return nil, errLoad }
func (*loadsPtr) Load(context.Context) ([]store.Entry, error) { return nil, errLoad }
func (hides) Unwrap() store.Store                             { return nil }

// TestAWrappedStoreKeepsItsCapabilities runs through wrappers that change nothing, and through some that
// do: what they change must not be passed by.
func TestAWrappedStoreKeepsItsCapabilities(t *testing.T) {
	for name, c := range map[string]struct {
		wrap  func(store.Store) store.Store
		brief bool
		found bool
		err   error
	}{
		"none":                  {func(s store.Store) store.Store { return s }, true, true, nil},
		"a value":               {func(s store.Store) store.Store { return Bare{s} }, true, true, nil},
		"a pointer":             {func(s store.Store) store.Store { return &Bare{s} }, true, true, nil},
		"an unnamed struct":     {func(s store.Store) store.Store { return struct{ store.Store }{s} }, true, true, nil},
		"two":                   {func(s store.Store) store.Store { return second{&Bare{s}} }, true, true, nil},
		"a Load of its own":     {func(s store.Store) store.Store { return loads{s} }, false, true, errLoad},
		"a pointer to that":     {func(s store.Store) store.Store { return &loads{s} }, false, true, errLoad},
		"a Load of the pointer": {func(s store.Store) store.Store { return &loadsPtr{s} }, false, true, errLoad},
		"one that hides it":     {func(s store.Store) store.Store { return hides{s} }, false, false, nil},
	} {
		inner := &briefer{Memory: store.NewMemory()}
		s := c.wrap(inner)
		if _, found := store.As[*briefer](s); found != c.found {
			t.Errorf("%s: found: %t", name, found)
		}
		_, err := seq.New(s, seqtest.Succeeds("2024_01_15_120000_a")).Run(t.Context())
		if !errors.Is(err, c.err) || (inner.brief > 0) != c.brief {
			t.Errorf("%s: %d brief reads, %v", name, inner.brief, err)
		}
	}
	if _, found := store.As[*briefer](nil); found {
		t.Error("found in nothing")
	}
	if _, found := store.As[*briefer](Bare{}); found {
		t.Error("found in an empty wrapper")
	}
}
