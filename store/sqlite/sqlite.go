// Package sqlite opens the ledger in a SQLite file, with modernc.org/sqlite: no cgo.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/sequencer-go/seq/store/bunstore"
)

// Open opens the ledger in the file at path, which is created if it is missing; its folder must
// exist. The file may hold your own tables too: [bunstore.Store.DB] is the way to them, and
// bunstore.Tx in Transactional ops. Any number of processes of one machine may share it; it must
// not be on a network disk.
//
// The file is in WAL mode, and what is committed survives a power failure. For settings of your
// own, open the database yourself and use [bunstore.New].
//
// The path ":memory:" is a database in memory, a new one for each Open, that ends with Close. In
// it, and only in it, reads wait while a Transactional op runs.
func Open(path string, opts ...bunstore.Option) (*bunstore.Store, error) {
	c, err := newConnector(path)
	if err == nil {
		err = c.try()
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite.Open(%q): %w", path, explain(path, err))
	}
	db := bun.NewDB(sql.OpenDB(c), sqlitedialect.New())
	ours := []bunstore.Option{bunstore.Owned(), bunstore.Prepare(bunstore.Preparing{Ask: []any{remember{}}})}
	return bunstore.New(db, append(ours, opts...)...), nil
}

var (
	errNoPath = errors.New("the path is empty; name a file, or \":memory:\"")
	errURI    = errors.New("want a path, not a URI; for settings of your own, open the database yourself and use bunstore.New")
)

// try makes one connection, so that Open fails and not the first query.
func (c *connector) try() error {
	conn, err := c.Connect(context.Background())
	if err != nil {
		return err
	}
	if c.memory {
		c.keep = conn
		return nil
	}
	return conn.Close()
}

// explain adds to SQLite's message what to do about it.
func explain(path string, err error) error {
	if errors.Is(err, errNoPath) || errors.Is(err, errURI) || path == memory {
		return err
	}
	folder := filepath.Dir(path)
	if info, serr := os.Stat(folder); errors.Is(serr, os.ErrNotExist) {
		return fmt.Errorf("the folder %s does not exist; create it first: %w", folder, err)
	} else if serr == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a folder: %w", folder, err)
	}
	if info, serr := os.Stat(path); serr == nil && info.IsDir() {
		return fmt.Errorf("that is a folder; name a file in it: %w", err)
	}
	switch text := err.Error(); {
	case strings.Contains(text, "file is not a database"):
		return fmt.Errorf("the file is there and is no SQLite database; name another, or move it away: %w", err)
	case busy(err):
		return fmt.Errorf("another process keeps it locked: %w", err)
	default:
		return fmt.Errorf("make sure that this process may write the file and its folder: %w", err)
	}
}
