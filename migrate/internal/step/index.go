package step

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

const word = `(?:"(?:[^"]|"")+"|[\pL_][\pL\pN_$]*)`

// concurrent is how a statement that builds an index concurrently begins.
var concurrent = regexp.MustCompile(`(?is)^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(` + word + `)\s+ON\s+(?:ONLY\s+)?(?:(` + word + `)\s*\.)?`)

// index is one that a statement builds.
type index struct{ name string } // as SQL has it, in the schema of its table

// building is the index that a statement builds concurrently, nil if it builds none.
func building(stmt string, d sqltext.Dialect) *index {
	if d != sqltext.Postgres {
		return nil
	}
	m := concurrent.FindStringSubmatch(sqltext.Mask(sqltext.Scanner{Text: stmt, Dialect: d}, true, false))
	switch {
	case m == nil:
		return nil
	case m[2] != "":
		return &index{m[2] + "." + m[1]}
	default:
		return &index{m[1]}
	}
}

type indexState int

const (
	absent indexState = iota
	invalid
	valid
)

func (b *index) look(ctx context.Context, conn bun.Conn) (indexState, error) {
	var ok bool
	err := conn.QueryRowContext(ctx, `SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(?)`,
		strings.TrimSpace(b.name)).Scan(&ok)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return absent, nil
	case err != nil:
		return absent, fmt.Errorf("look at the index %s: %w", b.name, err)
	case ok:
		return valid, nil
	default:
		return invalid, nil
	}
}

// nameless is how a statement that builds an index concurrently begins if Postgres is to name it.
var nameless = regexp.MustCompile(`(?is)^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+ON\s+(?:ONLY\s+)?(` + word + `(?:\s*\.\s*` + word + `)?)`)

// buildingOn is the table of the index that a statement builds concurrently and does not name; "" if it
// builds none or names it.
func buildingOn(stmt string, d sqltext.Dialect) string {
	if d != sqltext.Postgres {
		return ""
	}
	if m := nameless.FindStringSubmatch(sqltext.Mask(sqltext.Scanner{Text: stmt, Dialect: d}, true, false)); m != nil {
		return m[1]
	}
	return ""
}

// execOn executes a statement that builds an index without a name. An earlier attempt may have left one
// half built, which Postgres would leave there and build another one beside it, or may have finished.
func (p *progress) execOn(ctx context.Context, conn bun.Conn, stmt, table string) error {
	valid, err := indexesOn(ctx, conn, table)
	if err != nil {
		return err
	}
	if p.Index != "ON "+table {
		p.Index, p.Had = "ON "+table, slices.Collect(maps.Keys(valid))
		if err := seq.Save(ctx, p); err != nil {
			return err
		}
	}
	for name, done := range valid {
		switch {
		case slices.Contains(p.Had, name):
		case done:
			return nil
		default:
			if _, err := conn.ExecContext(ctx, "?", bun.Safe(`DROP INDEX CONCURRENTLY IF EXISTS `+name)); err != nil {
				return fmt.Errorf("drop the half-built index %s: %w", name, err)
			}
		}
	}
	_, err = conn.ExecContext(ctx, "?", bun.Safe(stmt))
	return err
}

// indexesOn are the indexes of a table, and whether each is valid.
func indexesOn(ctx context.Context, conn bun.Conn, table string) (map[string]bool, error) {
	rows, err := conn.QueryContext(ctx, `SELECT indexrelid::pg_catalog.regclass::text, indisvalid FROM pg_catalog.pg_index WHERE indrelid = pg_catalog.to_regclass(?)`, table)
	if err != nil {
		return nil, fmt.Errorf("look at the indexes of %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }()
	valid := map[string]bool{}
	for rows.Next() {
		var name string
		var ok bool
		if err := rows.Scan(&name, &ok); err != nil {
			return nil, err
		}
		valid[name] = ok
	}
	return valid, rows.Err()
}
