package backfill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// A Key is what rows are told apart and ordered by. A string stands for any type but integers that the
// database can compare with a literal: text, uuid, numeric, timestamp. Only the database compares them, by the
// collation of the column.
type Key interface{ ~int64 | ~string }

// Keyset is a source that goes through the rows of a table by one column: each batch asks for the next
// keys behind the last. The largest key when the op starts is the end; rows that come later with larger
// keys are not the backfill's.
type Keyset[K Key] struct {
	// Table and Key name the column, as the catalog has them; Table may be "schema.table". The column needs an
	// index, and should have no value twice: rows of one key are done in one batch, however many. Rows
	// where it is NULL are left out.
	Table, Key string
	// Where is a condition in SQL on the rows to be done; "" means all. Do should have it as well.
	Where string
}

func (s Keyset[K]) valid(int) error {
	if s.Table == "" || s.Key == "" {
		return fmt.Errorf("Keyset needs a Table and a Key, has %q and %q", s.Table, s.Key)
	}
	return nil
}

func (s Keyset[K]) name() string {
	name := fmt.Sprintf("keyset %s.%s (%s)", s.Table, s.Key, reflect.TypeFor[K]().Kind())
	if where := strings.Join(strings.Fields(s.Where), " "); where != "" {
		name += " where " + where
	}
	return name
}

func (s Keyset[K]) check(ctx context.Context, d *database) ([]string, error) {
	return d.checkKey(ctx, s.Table, s.Key)
}

// where is the condition on the rows of a span, and the values in it.
func (s Keyset[K]) where(at span[K]) (bun.Safe, []any) {
	conditions, args := []string{"?0 IS NOT NULL"}, []any{bun.Ident(s.Key), bun.Ident(s.Table)}
	if at.After != nil {
		conditions, args = append(conditions, fmt.Sprintf("?0 > ?%d", len(args))), append(args, *at.After)
	}
	if at.Upto != nil {
		conditions, args = append(conditions, fmt.Sprintf("?0 <= ?%d", len(args))), append(args, *at.Upto)
	}
	if s.Where != "" { // which may have a question mark of its own
		conditions, args = append(conditions, fmt.Sprintf("(?%d)", len(args))), append(args, bun.Safe(s.Where))
	}
	return bun.Safe(strings.Join(conditions, " AND ")), args
}

// read is the key as it is read: as text, whatever its type, unless it is an integer.
func (s Keyset[K]) read(key string) string {
	if reflect.TypeFor[K]().Kind() == reflect.String {
		return "CAST(" + key + " AS text)"
	}
	return key
}

func (s Keyset[K]) begin(ctx context.Context, d *database, parts int) ([]span[K], int64, error) {
	var last K
	// ORDER BY would take the name of a column that is selected for that, which is text.
	err := d.QueryRowContext(ctx, `SELECT `+s.read("t.?0")+` FROM ?1 AS t WHERE t.?0 IS NOT NULL ORDER BY t.?0 DESC LIMIT 1`,
		bun.Ident(s.Key), bun.Ident(s.Table)).Scan(&last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, 0, nil
	case err != nil:
		return nil, 0, s.explain("read the largest key", err)
	}
	all := span[K]{Upto: &last}
	where, args := s.where(all)
	var rows int64
	known, err := d.limited(ctx, func(ctx context.Context, db bun.IDB) error {
		return db.QueryRowContext(ctx, `SELECT count(*) FROM ?1 WHERE `+string(where), args...).Scan(&rows)
	})
	if err != nil {
		return nil, 0, s.explain("count the rows", err)
	}
	if !known || rows == 0 || parts < 2 {
		return []span[K]{all}, rows, nil
	}
	bounds, err := s.quantiles(ctx, d, all, (rows+int64(parts)-1)/int64(parts))
	if err != nil {
		return nil, 0, s.explain("cut it into parts", err)
	}
	return chain(bounds, last), rows, nil
}

// quantiles are every step-th key of a span, nil if it takes too long to find them.
func (s Keyset[K]) quantiles(ctx context.Context, d *database, at span[K], step int64) (bounds []K, err error) {
	where, args := s.where(at)
	query := fmt.Sprintf(`SELECT `+s.read("k")+` FROM (SELECT ?0 AS k, row_number() OVER (ORDER BY ?0) AS n FROM ?1 WHERE `+string(where)+`) AS numbered
	WHERE n %% %d = 0 ORDER BY n`, step)
	known, err := d.limited(ctx, func(ctx context.Context, db bun.IDB) error {
		bounds = nil
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var k K
			if err := rows.Scan(&k); err != nil {
				return err
			}
			bounds = append(bounds, k)
		}
		return rows.Err()
	})
	if !known {
		bounds = nil
	}
	return bounds, err
}

// chain are the spans that end at the bounds, and the one after them that ends at last.
func chain[K Key](bounds []K, last K) (spans []span[K]) {
	var after *K
	for _, upto := range slices.Compact(append(bounds, last)) {
		spans = append(spans, span[K]{After: after, Upto: &upto})
		after = &upto
	}
	return spans
}

func (s Keyset[K]) next(ctx context.Context, d *database, at span[K], size int64) (r Range[K], ok bool, err error) {
	where, args := s.where(at)
	var first, last sql.Null[K]
	query := fmt.Sprintf(`WITH batch AS (SELECT ?0 AS k FROM ?1 WHERE `+string(where)+` ORDER BY ?0 LIMIT %d)
	SELECT `+s.read("(SELECT k FROM batch ORDER BY k LIMIT 1)")+`, `+s.read("(SELECT k FROM batch ORDER BY k DESC LIMIT 1)")+`, (SELECT count(*) FROM batch)`, size)
	if err := d.QueryRowContext(ctx, query, args...).Scan(&first, &last, &r.Rows); err != nil {
		return r, false, s.explain("read the next keys", err)
	}
	r.First, r.Last = first.V, last.V
	return r, first.Valid, nil
}

func (s Keyset[K]) explain(doing string, err error) error {
	if strings.Contains(err.Error(), "converting") { // database/sql says so, in no other words
		return fmt.Errorf("%s of %s.%s, which is no %s: %w", doing, s.Table, s.Key, reflect.TypeFor[K]().Kind(), err)
	}
	return fmt.Errorf("%s of %s.%s: %w", doing, s.Table, s.Key, err)
}
