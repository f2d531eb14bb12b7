package step

import (
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// NotAsPool is what of a text, which expects to be in no transaction, would do something else in one
// or nothing, without the database saying so: transactions of its own and SQLite's pragmas. "" means
// that there is no such thing.
func NotAsPool(text string, d sqltext.Dialect) (what string) {
	for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d}) {
		if kind, _ := controlOf(st, text); kind != none {
			return "a transaction that is begun or ended by a statement"
		}
		if d == sqltext.SQLite && st.At(0, "PRAGMA") && !meansTheSame(st) {
			return "PRAGMA " + pragma(st)
		}
	}
	return ""
}

// pragma is the name of one.
func pragma(st *sqltext.Statement) string {
	if st.SignAt(2, '.') {
		return strings.ToLower(st.Text(3))
	}
	return strings.ToLower(st.Text(1))
}

// meansTheSame reports whether a PRAGMA means in a transaction what it means outside: it only asks, or
// it is one of the data and not of the session.
func meansTheSame(st *sqltext.Statement) bool {
	name, i := pragma(st), 2
	if st.SignAt(2, '.') {
		i = 4
	}
	switch name {
	case "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list", "foreign_key_check",
		"integrity_check", "quick_check", "user_version", "application_id", "defer_foreign_keys", "optimize":
		return true
	case "wal_checkpoint":
		return false
	}
	return strings.HasSuffix(name, "_list") || !st.SignAt(i, '=') && !st.SignAt(i, '(')
}

// Savepoints reports whether a text begins with a statement about savepoints.
func Savepoints(text string, d sqltext.Dialect) bool {
	for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d}) {
		return st.AtOneOf(0, "SAVEPOINT", "RELEASE", "ROLLBACK")
	}
	return false
}

// NeedsNoTx reports whether an error is the database's answer that it does not do in a transaction
// what it may do outside of one.
func NeedsNoTx(err error) bool {
	switch sqlState(err) {
	case "25001", "55P04": // active SQL transaction; the value of an enum that was added in it
		return true
	case "":
		return inTxOnly(err)
	}
	return false
}

// inTxOnly reports whether an error is one that SQLite has for what it does not do in a transaction.
func inTxOnly(err error) bool {
	text := err.Error()
	return strings.Contains(text, "within a transaction") || strings.Contains(text, "within transaction") || strings.Contains(text, "inside a transaction")
}
