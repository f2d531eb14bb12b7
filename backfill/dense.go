package backfill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// Dense is a source of integers with few gaps: its ranges come from arithmetic, without a query, and a
// batch is as many numbers, not as many rows. It is for a serial key from which little was deleted.
type Dense struct {
	// Table and Key name a column of integers, as the catalog has them: the range is from its smallest to its
	// largest value when the op starts. Rows that come later with larger keys are not the backfill's.
	Table, Key string
	// First and Last are the range, if there is no Table.
	First, Last int64
}

func (s Dense) valid(int) error {
	switch {
	case s.Table == "" && s.Key == "" && s.First > s.Last:
		return fmt.Errorf("Dense from %d to %d has nothing in it", s.First, s.Last)
	case s.Table == "" && s.Key == "":
		return nil
	case s.Table == "" || s.Key == "":
		return fmt.Errorf("Dense needs both a Table and a Key, has %q and %q", s.Table, s.Key)
	case s.First != 0 || s.Last != 0:
		return errors.New("Dense has a Table, which says what its First and Last are")
	}
	return nil
}

func (s Dense) name() string {
	if s.Table == "" {
		return fmt.Sprintf("dense %d to %d", s.First, s.Last)
	}
	return "dense " + s.Table + "." + s.Key
}

func (s Dense) check(ctx context.Context, d *database) ([]string, error) {
	if s.Table == "" {
		return nil, nil
	}
	return d.checkKey(ctx, s.Table, s.Key)
}

func (s Dense) begin(ctx context.Context, d *database, parts int) ([]span[int64], int64, error) {
	first, last := s.First, s.Last
	if s.Table != "" {
		var lo, hi sql.Null[int64]
		query := `SELECT (SELECT min(?0) FROM ?1), (SELECT max(?0) FROM ?1)`
		if err := d.QueryRowContext(ctx, query, bun.Ident(s.Key), bun.Ident(s.Table)).Scan(&lo, &hi); err != nil {
			return nil, 0, fmt.Errorf("read the bounds of %s.%s: %w", s.Table, s.Key, err)
		}
		if !lo.Valid {
			return nil, 0, nil
		}
		first, last = lo.V, hi.V
	}
	return cut(first, last, parts), total(first, last), nil
}

func (s Dense) next(_ context.Context, _ *database, at span[int64], size int64) (r Range[int64], ok bool, err error) { //nolint:unparam // of a Source
	if *at.After >= *at.Upto {
		return r, false, nil
	}
	r.First = *at.After + 1
	r.Last = *at.Upto
	if n := uint64(r.Last) - uint64(r.First); n >= uint64(size) {
		r.Last = r.First + size - 1
	}
	r.Rows = r.Last - r.First + 1
	return r, true, nil
}

// total is how many integers there are from first to last, 0 if that is no int64.
func total(first, last int64) int64 { return max(last-first+1, 0) }

// cut divides the integers from first to last into parts of the same size. The largest part begins behind
// first-1, so the smallest int64 is not there to be worked on.
func cut(first, last int64, parts int) (spans []span[int64]) {
	after := max(first, -1<<63+1) - 1
	width := uint64(last) - uint64(after) // of all that is left
	for n := uint64(max(parts, 1)); n > 0 && width > 0; n-- {
		upto := after + int64((width+n-1)/n)
		width = uint64(last) - uint64(upto)
		spans = append(spans, span[int64]{After: new(after), Upto: new(upto)})
		after = upto
	}
	return spans
}
