package dbsession

import (
	"context"
	"errors"
	"strings"

	"github.com/uptrace/bun"
)

// A postgres is the state of a session of PostgreSQL.
type postgres struct{ reset string }

// begin takes back what a script may set and RESET ALL does not, cursors that outlive transactions,
// and sequences' last values. What somebody has set for the session before is set again after it.
const begin = `SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; CLOSE ALL; DISCARD SEQUENCES`

// temp is a condition: the session has temporary tables, which may have triggers pending, so that a
// transaction cannot take them back before it is committed.
const temp = `SELECT 1 WHERE pg_catalog.pg_my_temp_schema() <> 0`

// left is temp, and the same for statements that the script prepared (those that the driver prepared are
// not from SQL), and for advisory locks, which protect until the commit. To look for these takes
// Postgres as long as all the rest of the reset three times over.
const left = temp + `
	OR EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)
	OR EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())`

// Unlock is an expression for the first statement of the next transaction: a function that a script
// called may have taken locks that the script does not show.
const Unlock = `pg_catalog.pg_advisory_unlock_all()`

func postgresOf(ctx context.Context, conn bun.Conn) (*postgres, error) {
	rows, err := conn.QueryContext(ctx, `SELECT name, setting FROM pg_catalog.pg_settings
			WHERE source = 'session' AND name <> 'transaction_isolation' AND context IN ('user', 'superuser')
		UNION ALL SELECT 'session_authorization', session_user
		UNION ALL SELECT 'role', pg_catalog.current_setting('role')`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var text strings.Builder
	text.WriteString(begin)
	for rows.Next() {
		var name, setting string
		if err := rows.Scan(&name, &setting); err != nil {
			return nil, err
		}
		if name == "role" && setting == "none" {
			continue
		}
		text.WriteString("; SELECT pg_catalog.set_config(" + literal(name) + ", " + literal(setting) + ", false)")
	}
	return &postgres{text.String()}, rows.Err()
}

// text is the reset, then extra in a session that is as it was, then the question what is left.
func (p *postgres) text(extra string, plain bool) string {
	question := left
	if plain {
		question = temp
	}
	if extra != "" {
		extra = "; " + extra
	}
	return p.reset + extra + "; " + question
}

// literal is a text as SQL has it, whatever standard_conforming_strings is.
func literal(text string) string {
	quoted := strings.ReplaceAll(text, "'", "''")
	if strings.Contains(text, `\`) {
		return ` E'` + strings.ReplaceAll(quoted, `\`, `\\`) + `'`
	}
	return `'` + quoted + `'`
}

func sqlState(err error) string {
	var e interface{ SQLState() string }
	var field interface{ Field(k byte) string }
	switch {
	case errors.As(err, &e):
		return e.SQLState()
	case errors.As(err, &field):
		return field.Field('C')
	}
	return ""
}
