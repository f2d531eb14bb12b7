package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// sqlState is the SQLSTATE of a Postgres error, "" of any other. pgx and lib/pq give it by this
// method, bun's pgdriver by the other.
func sqlState(err error) string {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState()
	}
	var field interface{ Field(k byte) string }
	if errors.As(err, &field) {
		return field.Field('C')
	}
	return ""
}

// says looks for one of SQLite's messages, which its drivers pass on word for word.
func says(err error, texts ...string) bool {
	for _, text := range texts {
		if err != nil && sqlState(err) == "" && strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func missingTable(err error) bool { return sqlState(err) == "42P01" || says(err, "no such table") }

// busy means that another process kept SQLite's write lock for too long.
func busy(err error) bool { return says(err, "database is locked", "table is locked") }

// transient errors pass: the transaction was undone and may be tried again.
func transient(err error) bool {
	if errors.Is(err, store.ErrUnknownOutcome) {
		return false
	}
	switch sqlState(err) {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return true
	default:
		return busy(err)
	}
}

// txEnded means that a savepoint is gone, and with it the transaction it was in.
func txEnded(err error) bool {
	switch sqlState(err) {
	case "3B001", "25P01": // no such savepoint, no transaction
		return true
	default:
		return errors.Is(err, sql.ErrTxDone) || says(err, "no such savepoint", "no transaction is active")
	}
}

// again calls try until it succeeds or fails for a reason that will not pass, or has failed for
// about a second.
func (s *Store) again(ctx context.Context, try func() error) error {
	for pause := 4 * time.Millisecond; ; pause *= 2 {
		err := try()
		if s.preparing.lost(err) {
			err = try()
		}
		if !transient(err) || pause > 512*time.Millisecond || clock.Sleep(ctx, clock.Wall(), pause/2+rand.N(pause)) != nil {
			return err
		}
	}
}

// explain says what the store was doing when err came up, and looks whether it came up because a
// another version has made the tables. It needs a connection, so the caller must hold none.
func (s *Store) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && !transient(err) && !errors.Is(err, store.ErrLeaseLost) && !errors.Is(err, store.ErrSchemaNewer) && !errors.Is(err, store.ErrSchemaOlder) {
		if version, verr := s.version(ctx, s.db); verr == nil && version != "" {
			if other := s.checkVersion(version); errors.Is(other, store.ErrSchemaNewer) || errors.Is(other, store.ErrSchemaOlder) {
				err = fmt.Errorf("%w (%w)", other, err)
			}
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// absent reports whether err came up because the tables do not exist, none of them.
func (s *Store) absent(ctx context.Context, err error) bool {
	if !missingTable(err) {
		return false
	}
	version, err := s.version(ctx, s.db)
	return missingTable(err) || err == nil && version == ""
}
