package backfill

import (
	"context"
	"errors"
	"fmt"
)

// A Source cuts the work into ranges. It is one of [Keyset], [Dense] and [Func].
type Source[K any] interface {
	// valid is what is wrong with the definition, for so many parts.
	valid(parts int) error
	// name tells it from other sources, for people: a cursor of one is of no use to another.
	name() string
	// check looks at the database: what to note in a plan, or the error because of which nothing can be
	// done. d is nil if the ledger is in no SQL database.
	check(ctx context.Context, d *database) (notes []string, err error)
	// begin fixes what is there to be done, in parts, at most that many. A total of 0 is not known.
	begin(ctx context.Context, d *database, parts int) (spans []span[K], total int64, err error)
	// next is the first range of at most size rows in a span; false if there is none.
	next(ctx context.Context, d *database, at span[K], size int64) (Range[K], bool, error)
}

// A span is what is left of a part: the rows behind After, up to Upto.
type span[K any] struct {
	After *K `json:"after,omitempty"` // the last key that is done; nil: none is
	Upto  *K `json:"upto,omitempty"`  // the last key that is to be done; nil: nobody knows
}

// Func is a source of your own: a function of the cursor. What K is, is up to it; it must survive JSON.
type Func[K any] struct {
	// Name is what the source is, for people. It must change when the cursor means something else.
	Name string
	// Next is the range behind after, the zero value at the start, of about size rows; false if there is
	// none. It is called outside of any transaction and must not write. The next call gets the Last of this
	// range. It should set Rows; a range without counts as one row.
	Next func(ctx context.Context, after K, size int64) (r Range[K], ok bool, err error)
	// Total is how many rows there are; 0 means that nobody knows.
	Total int64
}

func (f Func[K]) valid(parts int) error {
	switch {
	case f.Name == "":
		return errors.New("Func has no Name")
	case f.Next == nil:
		return fmt.Errorf("Func %q has no Next", f.Name)
	case parts > 1:
		return fmt.Errorf("Func %q cannot be cut into %d parts", f.Name, parts)
	}
	return nil
}

func (f Func[K]) name() string { return fmt.Sprintf("func %q (%T)", f.Name, *new(K)) }

func (f Func[K]) check(context.Context, *database) ([]string, error) { return nil, nil }

func (f Func[K]) begin(context.Context, *database, int) ([]span[K], int64, error) { //nolint:unparam // of a Source
	return []span[K]{{}}, f.Total, nil
}

func (f Func[K]) next(ctx context.Context, _ *database, at span[K], size int64) (r Range[K], ok bool, err error) {
	var after K
	if at.After != nil {
		after = *at.After
	}
	return f.Next(ctx, after, size)
}
