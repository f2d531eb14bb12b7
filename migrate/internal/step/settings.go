package step

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// idleLimit is set by the store for its transaction only, and goes with it.
const idleLimit = "idle_in_transaction_session_timeout"

// Within calls fn and then gives the session back the settings it had. A dump sets search_path to
// nothing, and the record of the op comes after it on the same connection.
func Within(ctx context.Context, db bun.IDB, fn func() error) error {
	if db.Dialect().Name() != dialect.PG {
		return fn()
	}
	type setting struct{ Name, Setting string }
	var before []setting
	err := db.NewRaw(`SELECT name, setting FROM pg_catalog.pg_settings
		WHERE source = 'session' AND name <> 'transaction_isolation' AND context IN ('user', 'superuser')`).Scan(ctx, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the session's settings: %w", err)
	}
	if err := fn(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `RESET ALL`); err != nil {
		return fmt.Errorf("reset the session's settings: %w", err)
	}
	for _, s := range before {
		if _, err := db.ExecContext(ctx, `SELECT pg_catalog.set_config(?, ?, ?)`, s.Name, s.Setting, s.Name == idleLimit); err != nil {
			return fmt.Errorf("restore %s: %w", s.Name, err)
		}
	}
	return nil
}
