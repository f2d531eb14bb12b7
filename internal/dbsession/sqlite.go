package dbsession

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// A sqlite is the state of a connection to SQLite.
type sqlite struct {
	memory bool // the database is in no file, and may end with the connection
	values []string
	others []string // databases that are attached
}

// pragmas are those that hold for a connection and can be read without side effects.
var pragmas = []string{
	"foreign_keys", "recursive_triggers", "ignore_check_constraints", "legacy_alter_table", "synchronous", "temp_store",
	"cache_size", "cache_spill", "locking_mode", "query_only", "read_uncommitted", "reverse_unordered_selects", "trusted_schema",
	"automatic_index", "cell_size_check", "checkpoint_fullfsync", "fullfsync", "secure_delete", "writable_schema", "busy_timeout",
	"threads", "analysis_limit", "full_column_names", "short_column_names", "count_changes",
}

// likes is case_sensitive_like, which cannot be read.
const likes = "case_sensitive_like"

func sqliteOf(ctx context.Context, conn bun.Conn) (*sqlite, error) {
	s := &sqlite{}
	var err error
	if s.values, err = pragmaValues(ctx, conn); err != nil {
		return nil, err
	}
	files, err := attached(ctx, conn)
	if err != nil {
		return nil, err
	}
	for name, file := range files {
		s.others = append(s.others, name)
		if name == "main" {
			_, missing := os.Stat(file)
			s.memory = file == "" || missing != nil
		}
	}
	return s, nil
}

func pragmaValues(ctx context.Context, conn bun.Conn) ([]string, error) {
	values := make([]string, len(pragmas)+2)
	into := make([]any, len(values))
	var query strings.Builder
	query.WriteString("SELECT ")
	for _, name := range pragmas {
		fmt.Fprintf(&query, "CAST((SELECT * FROM pragma_%s) AS text), ", name)
	}
	query.WriteString("CAST('a' NOT LIKE 'A' AS text), (SELECT count(*) FROM temp.sqlite_master) || ' ' || (SELECT count(*) FROM pragma_database_list WHERE name <> 'temp')")
	for i := range into {
		into[i] = &values[i]
	}
	return values, conn.QueryRowContext(ctx, query.String()).Scan(into...)
}

func attached(ctx context.Context, conn bun.Conn) (map[string]string, error) {
	rows, err := conn.QueryContext(ctx, `SELECT name, coalesce(file, '') FROM pragma_database_list`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	files := map[string]string{}
	for rows.Next() {
		var name, file string
		if err := rows.Scan(&name, &file); err != nil {
			return nil, err
		}
		files[name] = file
	}
	return files, rows.Err()
}

// same reports whether the connection is as it was.
func (s *sqlite) same(ctx context.Context, conn bun.Conn) bool {
	values, err := pragmaValues(ctx, conn)
	return err == nil && slices.Equal(values, s.values)
}

// restore makes the connection what it was.
func (s *sqlite) restore(ctx context.Context, conn bun.Conn) error {
	_, _ = conn.ExecContext(ctx, `ROLLBACK`) // of a script that began a transaction and failed
	if s.same(ctx, conn) {
		return nil
	}
	var errs []error
	exec := func(query string) {
		if _, err := conn.ExecContext(ctx, query); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", query, err))
		}
	}
	files, err := attached(ctx, conn)
	if err != nil {
		return err
	}
	for name := range files {
		if name != "temp" && !slices.Contains(s.others, name) {
			exec("DETACH DATABASE " + quote(name))
		}
	}
	objects, err := temporary(ctx, conn)
	if err != nil {
		return err
	}
	for _, drop := range objects {
		exec(drop)
	}
	for i, name := range pragmas {
		exec("PRAGMA " + name + " = " + s.values[i])
	}
	exec("PRAGMA " + likes + " = " + s.values[len(pragmas)])
	return errors.Join(errs...)
}

// temporary are the statements that drop all temporary objects: views and triggers before tables.
func temporary(ctx context.Context, conn bun.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, `SELECT type, name FROM temp.sqlite_master
		WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY type = 'table'`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var drops []string
	for rows.Next() {
		var kind, name string
		if err := rows.Scan(&kind, &name); err != nil {
			return nil, err
		}
		drops = append(drops, "DROP "+strings.ToUpper(kind)+" IF EXISTS temp."+quote(name))
	}
	return drops, rows.Err()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func nested(err error) bool {
	return strings.Contains(err.Error(), "within a transaction")
}
