package console_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

// TestProgressOfMuchHasItsShare: a hundred times what is done may be more than an int64 holds.
func TestProgressOfMuchHasItsShare(t *testing.T) {
	var page string
	var h func() string
	s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(ctx context.Context) error {
		if err := seq.Progress(ctx, 3<<59, 4<<59); err != nil {
			return err
		}
		page = h()
		return nil
	}})
	h = func() string { return get(console.Handler(s), "/ops/"+good).Body.String() }
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := `<progress value="75"`; !strings.Contains(page, want) {
		t.Errorf("the page has no %s", want)
	}
}
