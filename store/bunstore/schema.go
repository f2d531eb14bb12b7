package bunstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// schemaVersion is raised when the tables change in a way that this version cannot work with.
const schemaVersion = 1

// The tables check no state and the like, so that a newer version may have more of them.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS ?leases (
		ns ?key PRIMARY KEY,
		epoch bigint NOT NULL,
		holder text,
		host text NOT NULL, pid bigint NOT NULL, revision text NOT NULL, actor text NOT NULL,
		since bigint NOT NULL,
		expires bigint
	) ?table`,
	`CREATE TABLE IF NOT EXISTS ?runs (
		ns ?key NOT NULL, id ?key NOT NULL,
		number bigint NOT NULL,
		strategy text NOT NULL, state text NOT NULL,
		host text NOT NULL, pid bigint NOT NULL, revision text NOT NULL, actor text NOT NULL,
		epoch bigint NOT NULL,
		started bigint NOT NULL, finished bigint,
		reason text NOT NULL DEFAULT '',
		PRIMARY KEY (ns, id)
	) ?table`,
	`CREATE INDEX IF NOT EXISTS ?runs_by_number ON ?runs (ns, number)`,
	`CREATE TABLE IF NOT EXISTS ?ops (
		ns ?key NOT NULL, id ?key NOT NULL,
		state text NOT NULL,
		run text NOT NULL DEFAULT '',
		delivery text NOT NULL,
		generation bigint NOT NULL DEFAULT 0,
		attempt bigint NOT NULL DEFAULT 0,
		crashes bigint NOT NULL DEFAULT 0,
		token text,
		fence bigint NOT NULL DEFAULT 0,
		seq bigint NOT NULL DEFAULT 0,
		not_before bigint,
		saved ?blob,
		checksum text NOT NULL DEFAULT '',
		done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0,
		error text NOT NULL DEFAULT '',
		PRIMARY KEY (ns, id)
	) ?table`,
	`CREATE TABLE IF NOT EXISTS ?attempts (
		ns ?key NOT NULL, id ?key NOT NULL, number bigint NOT NULL,
		direction text NOT NULL,
		run text NOT NULL,
		host text NOT NULL, pid bigint NOT NULL, revision text NOT NULL, actor text NOT NULL,
		token text NOT NULL,
		started bigint NOT NULL, finished bigint,
		state text NOT NULL,
		lost boolean NOT NULL DEFAULT FALSE,
		error text NOT NULL DEFAULT '',
		PRIMARY KEY (ns, id, number)
	) ?table`,
	`INSERT INTO ?meta (name, value) VALUES ('schema', ?)`,
}

const (
	createMeta = `CREATE TABLE IF NOT EXISTS ?meta (name ?key PRIMARY KEY, value text NOT NULL) ?table`
	readMeta   = `SELECT value FROM ?meta WHERE name = 'schema'`
)

// create makes the tables, in one transaction and so that any number of processes may do it at
// once.
func (s *Store) create(ctx context.Context) error {
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.pass()
	err := s.again(ctx, func() error {
		return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return s.createIn(ctx, tx) })
	})
	if err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	return nil
}

func (s *Store) createIn(ctx context.Context, tx bun.Tx) error {
	if s.dialect.serialize != "" {
		if err := s.exec(ctx, tx, s.dialect.serialize); err != nil {
			return err
		}
	}
	if err := s.exec(ctx, tx, createMeta); err != nil {
		return err
	}
	version, err := s.version(ctx, tx)
	if err != nil || version != "" {
		return err // another process was first
	}
	for _, statement := range tables {
		if err := s.exec(ctx, tx, statement, strconv.Itoa(schemaVersion)); err != nil {
			return err
		}
	}
	return nil
}

// version reads the version of the tables, "" if there is none.
func (s *Store) version(ctx context.Context, c bun.IConn) (version string, err error) {
	err = s.scan(ctx, c, func(r *row) error {
		version = r.text(0)
		return nil
	}, readMeta)
	return version, err
}

// checkVersion says whether this library can work with tables of a version.
func (s *Store) checkVersion(version string) error {
	n, err := strconv.Atoi(version)
	switch {
	case err != nil || n < 1:
		return fmt.Errorf("%w: table %s: schema version %q", store.ErrUnknownValue, s.table("meta"), version)
	case n > schemaVersion:
		return fmt.Errorf("%w: table %s says version %d, this library knows %d", store.ErrSchemaNewer, s.table("meta"), n, schemaVersion)
	default:
		return nil
	}
}
