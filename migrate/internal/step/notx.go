package step

import "regexp"

// Words that Postgres refuses in a transaction, those of SQLite that do something else in one, and
// a script's own transaction, which would end ours. To mistake a harmless word for one of them
// costs the script its transaction, and nothing else; so words are enough, and nobody parses SQL.
var (
	comments = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
	noTx     = regexp.MustCompile(`(?i)\bCONCURRENTLY\b|\bALTER\s+SYSTEM\b|\b(CREATE|DROP)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)\b` +
		`|\bREINDEX\s+(\([^)]*\)\s*)?(DATABASE|SYSTEM|SCHEMA)\b|\bALTER\s+TYPE\s+\S+\s+ADD\s+VALUE\b` +
		`|(^|;)\s*(VACUUM|PRAGMA|ATTACH|DETACH)\b`)
	ownTx = regexp.MustCompile(`(?i)(^|;)\s*(BEGIN(\s+(TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE))*|START\s+TRANSACTION[^;]*` +
		`|(COMMIT|ROLLBACK)(\s+(TRANSACTION|WORK))?|END\s+TRANSACTION)\s*(;|$)`)
)

// NeedsNoTx reports whether a text cannot run within a transaction of ours.
func NeedsNoTx(text string) bool {
	text = comments.ReplaceAllString(text, "")
	return noTx.MatchString(text) || ownTx.MatchString(text)
}
