package step

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/uptrace/bun"
)

const word = `(?:"(?:[^"]|"")+"|[\pL_][\pL\pN_$]*)`

// concurrent is how a statement that builds an index concurrently begins.
var concurrent = regexp.MustCompile(`(?is)^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(` + word + `)\s+ON\s+(?:ONLY\s+)?(?:(` + word + `)\s*\.)?`)

// index is one that a statement builds.
type index struct{ name string } // as SQL has it, in the schema of its table

// building is the index that a statement builds concurrently, nil if it builds none.
func building(stmt string) *index {
	m := concurrent.FindStringSubmatch(uncommented(stmt))
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
