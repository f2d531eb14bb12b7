package backfill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// database is that of the ledger, outside of any transaction. nil: the ledger is in none.
type database struct {
	*bun.DB
	ledger *bunstore.Store
}

// databaseOf finds the database of a ledger as bunstore.DB does.
func databaseOf(ledger store.Store) *database {
	if s, ok := store.As[*bunstore.Store](ledger); ok && s.DB() != nil {
		return &database{s.DB(), s}
	}
	return nil
}

func (d *database) postgres() bool { return d != nil && d.Dialect().Name() == dialect.PG }
func (d *database) sqlite() bool   { return d != nil && d.Dialect().Name() == dialect.SQLite }

// errNoDatabase is what a source with a table says of a ledger without one.
var errNoDatabase = errors.New("the ledger is in no SQL database, where the table would be")

// countLimit is how long a query may take whose answer nobody needs.
const countLimit = 10 * time.Second

// limited makes a query that may take no longer than countLimit; known is false if it took longer.
func (d *database) limited(ctx context.Context, query func(context.Context, bun.IDB) error) (known bool, err error) {
	if !d.postgres() {
		limit, cancel := context.WithTimeout(ctx, countLimit)
		defer cancel()
		err = query(limit, d.DB) // the driver interrupts it, and says so in words of its own
		if err != nil && limit.Err() != nil && ctx.Err() == nil {
			return false, nil
		}
		return err == nil, err
	}
	err = d.RunInTx(ctx, &sql.TxOptions{ReadOnly: true}, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, countLimit.Milliseconds())); err != nil {
			return err
		}
		return query(ctx, tx)
	})
	if bunstore.SQLState(err) == "57014" && ctx.Err() == nil { // query cancelled
		return false, nil
	}
	return err == nil, err
}

// ErrNoSuchKey means that a source names a table or a column that is not there.
var ErrNoSuchKey = errors.New("no such table or column")

const (
	postgresKey = `SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attname = ?1 AND NOT attisdropped),
	(SELECT count(*) FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = c.oid AND a.attname = ?1 AND i.indisvalid AND i.indpred IS NULL)
	FROM pg_class AS c WHERE c.oid = to_regclass(?0)`
	sqliteKey = `SELECT (SELECT count(*) FROM pragma_table_xinfo(?0) WHERE name = ?1 COLLATE NOCASE),
	(SELECT count(*) FROM pragma_index_list(?0) AS l, pragma_index_info(l.name) AS i WHERE i.seqno = 0 AND i.name = ?1 COLLATE NOCASE AND l.partial = 0)
	+ (SELECT count(*) FROM pragma_table_xinfo(?0) WHERE pk = 1 AND name = ?1 COLLATE NOCASE)
	WHERE EXISTS (SELECT 1 FROM pragma_table_xinfo(?0))`
)

// checkKey looks for a column and an index on it.
func (d *database) checkKey(ctx context.Context, table, key string) (notes []string, err error) {
	if d == nil {
		return nil, fmt.Errorf("%s.%s: %w", table, key, errNoDatabase)
	}
	query, name := sqliteKey, table
	if d.postgres() {
		query, name = postgresKey, `"`+strings.ReplaceAll(strings.ReplaceAll(table, `"`, `""`), `.`, `"."`)+`"`
	}
	var columns, indexes int
	switch err := d.QueryRowContext(ctx, query, name, key).Scan(&columns, &indexes); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("%w: there is no table %s", ErrNoSuchKey, table)
	case err != nil:
		return nil, fmt.Errorf("look for %s.%s: %w", table, key, err)
	case columns == 0:
		return nil, fmt.Errorf("%w: table %s has no column %s", ErrNoSuchKey, table, key)
	case indexes == 0:
		return []string{fmt.Sprintf("%s.%s has no index: each batch reads the whole table", table, key)}, nil
	}
	return nil, nil
}
