package step

import (
	"regexp"
	"strings"
)

// Words that Postgres refuses in a transaction, those of SQLite that do something else in one, and
// a script's own transaction, which would end ours. To mistake a harmless word for one of them
// costs the script its transaction, and nothing else; so words are enough, and nobody parses SQL.
var (
	comments = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
	noTx     = regexp.MustCompile(`(?i)\bCONCURRENTLY\b|\bALTER\s+SYSTEM\b|\b(CREATE|DROP)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)\b` +
		`|\bREINDEX\s+(\([^)]*\)\s*)?(DATABASE|SYSTEM|SCHEMA)\b` +
		`|(^|;)\s*(VACUUM|PRAGMA|ATTACH|DETACH)\b`)
	// What a transaction adds to an enum cannot be used in it.
	addValue = regexp.MustCompile(`(?i)\bALTER\s+TYPE\s+\S+\s+ADD\s+VALUE\b`)
	ownTx    = regexp.MustCompile(`(?i)(^|;)\s*(BEGIN(\s+(TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE))*|START\s+TRANSACTION[^;]*` +
		`|(COMMIT|ROLLBACK)(\s+(TRANSACTION|WORK))?|END\s+TRANSACTION)\s*(;|$)`)
)

// alone reports whether the script cannot or must not run in a transaction. Several statements in
// one text are a transaction anyway.
func (s *Script) alone() bool {
	if s == nil || s.Alone {
		return s != nil
	}
	text := strings.Join(s.Statements, "\n")
	return needsNoTx(text) || len(s.Statements) > 1 && addValue.MatchString(comments.ReplaceAllString(text, ""))
}

// needsNoTx reports whether a text cannot run within a transaction of ours.
func needsNoTx(text string) bool {
	text = comments.ReplaceAllString(text, "")
	return noTx.MatchString(text) || ownTx.MatchString(text)
}
