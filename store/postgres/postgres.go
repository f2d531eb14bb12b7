// Package postgres opens the ledger in a PostgreSQL database, with github.com/jackc/pgx.
package postgres

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/sequencer-go/seq/store/bunstore"
)

// Open opens the ledger in the database at dsn, a URL or a list of keyword=value; what it leaves
// out comes from the PG* variables of the environment. It does not connect: the first call of a
// method does. The database may hold your own tables too: [bunstore.Store.DB] is the way to them,
// and bunstore.Tx in Transactional ops.
//
// Nothing in it needs a session, so a pooler may stand in between: the few statements that are prepared
// are only where the connection is found to lead to one session. With default_query_exec_mode in the
// dsn you choose how pgx sends statements, and the ledger prepares none by itself; it is exec
// otherwise, because bun writes arguments into the text and pgx would keep statements that never come
// again.
//
// Who reaches for a connection of [bunstore.Store.DB] with [sql.Conn.Raw] finds one that has the method
// Conn, which returns the *pgx.Conn.
func Open(dsn string, opts ...bunstore.Option) (*bunstore.Store, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres.Open: %w", reason(err))
	}
	return open(*cfg, !strings.Contains(dsn, "default_query_exec_mode"), opts), nil
}

// OpenConfig is [Open] for what a dsn has no words for: a dialer, TLS or notices of your own. The
// configuration comes from [pgx.ParseConfig], and is copied. If its DefaultQueryExecMode is not the one that
// pgx sets there, it is yours, as if it stood in a dsn.
func OpenConfig(cfg *pgx.ConnConfig, opts ...bunstore.Option) *bunstore.Store {
	cfg = cfg.Copy()
	return open(*cfg, cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement, opts)
}

func open(cfg pgx.ConnConfig, prepare bool, opts []bunstore.Option) *bunstore.Store {
	ours := []bunstore.Option{bunstore.Owned()}
	if prepare {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
		ours = append(ours, bunstore.Prepare(bunstore.Preparing{Ask: []any{pgx.QueryExecModeCacheStatement}, Session: session}))
	}
	db := bun.NewDB(sql.OpenDB(connector{stdlib.GetConnector(cfg)}), pgdialect.New())
	return bunstore.New(db, append(ours, opts...)...)
}

// session is the number of the server's process that pgx was told when it connected.
func session(driverConn any) uint32 {
	if c, ok := driverConn.(interface{ Conn() *pgx.Conn }); ok {
		return c.Conn().PgConn().PID()
	}
	return 0
}

// reason is what is wrong with a dsn, in pgx's words but without the parts that quote it: what
// looks like a host may be half of a password.
func reason(err error) error {
	_, text, _ := strings.Cut(err.Error(), "`: ")
	text, _, _ = strings.Cut(text, " (")
	if text == "" {
		text = "cannot be parsed"
	}
	return errors.New("the address: " + text + "; want postgres://user:password@host:5432/database or keyword=value, with special characters escaped")
}
