package step

import (
	"regexp"
	"slices"
	"strings"
)

// Words that Postgres refuses in a transaction, those of SQLite that do something else in one, and
// a script's own transactions, which would end ours. To mistake a harmless word for one of them
// costs the script its transaction, and nothing else; so words are enough, and nobody parses SQL.
var (
	noTx = regexp.MustCompile(`(?i)\bCONCURRENTLY\b|\bALTER\s+SYSTEM\b|\b(CREATE|DROP)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)\b` +
		`|\bREINDEX\s+(\([^)]*\)\s*)?(DATABASE|SYSTEM|SCHEMA)\b` +
		`|(^|;)\s*(VACUUM|PRAGMA|ATTACH|DETACH)\b`)
	ownTx = regexp.MustCompile(`(?i)(^|;)\s*(BEGIN(\s+(TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE))*|BEGIN\s+(TRANSACTION\s+)?(ISOLATION|READ)\b[^;]*|START\s+TRANSACTION[^;]*` +
		`|(COMMIT|ROLLBACK)(\s+(TRANSACTION|WORK))?|END\s+TRANSACTION)\s*(;|$)`)
	// The one use of the word that a transaction does not mind.
	refresh = regexp.MustCompile(`(?i)\bREFRESH\s+MATERIALIZED\s+VIEW\s+CONCURRENTLY\b`)
	// What a transaction adds to an enum cannot be used in it.
	addValue = regexp.MustCompile(`(?i)\bALTER\s+TYPE\b[^;]*\bADD\s+VALUE\b`)
	// What runs at once, or may, and commits on its way.
	do      = regexp.MustCompile(`(?i)(^|;)\s*DO(\s+LANGUAGE\s+\w+)?\s*$`)
	commits = regexp.MustCompile(`(?i)\b(COMMIT|ROLLBACK)(\s+AND\s+(NO\s+)?CHAIN)?\s*;`)
	calls   = regexp.MustCompile(`(?i)(^|;)\s*CALL\b`)
)

// alone reports whether the script cannot or must not run in a transaction. Several statements in
// one text are a transaction anyway.
func (s *Script) alone() bool {
	if s == nil {
		return false
	}
	within := s.within()
	if s.Alone && slices.Equal(within, s.Statements) {
		return true
	}
	text := strings.Join(within, ";\n")
	return needsNoTx(text) || !s.Tx && (calls.MatchString(bare(text)) || len(within) > 1 && addValue.MatchString(bare(text)))
}

// needsNoTx reports whether a text cannot run within a transaction of ours.
func needsNoTx(text string) bool {
	words := bare(text)
	for _, p := range pieces(text) {
		if p.body != "" && do.MatchString(words[:p.from]) && commits.MatchString(bare(p.body)) {
			return true
		}
	}
	return noTx.MatchString(refresh.ReplaceAllString(words, "")) || ownTx.MatchString(words)
}

// A transaction of the script's own that is all of it.
var (
	begins  = regexp.MustCompile(`(?i)^\s*(BEGIN|START\s+TRANSACTION)(\s+(DEFERRED|IMMEDIATE|EXCLUSIVE))?(\s+(TRANSACTION|WORK))?\s*(;|$)`)
	endings = regexp.MustCompile(`(?i)(^|;)\s*(COMMIT|END\s+TRANSACTION)(\s+(TRANSACTION|WORK))?\s*;?\s*$`)
)

// within is what a script sends in a transaction of ours: its statements, less a transaction of its
// own that begins with the first and ends with the last. Where nothing is left of one it is "".
func (s *Script) within() []string {
	n := len(s.Statements)
	if n == 0 {
		return s.Statements
	}
	first, last := bare(s.Statements[0]), bare(s.Statements[n-1])
	from, to := begins.FindStringIndex(first), endings.FindStringIndex(last)
	if from == nil || to == nil || n == 1 && to[0] < from[1]-1 {
		return s.Statements
	}
	list := append([]string(nil), s.Statements...)
	end := to[0]
	if strings.HasPrefix(last[end:], ";") {
		end++
	}
	list[n-1] = list[n-1][:end]
	list[0] = list[0][min(from[1], len(list[0])):]
	for _, stmt := range []int{0, n - 1} {
		if strings.TrimSpace(bare(list[stmt])) == "" {
			list[stmt] = ""
		}
	}
	return list
}

var (
	opens  = regexp.MustCompile(`(?i)^\s*(BEGIN|START\s+TRANSACTION)\b[^;]*;?\s*$`)
	closes = regexp.MustCompile(`(?i)^\s*(COMMIT|END|ROLLBACK|ABORT)(\s+(TRANSACTION|WORK))?\s*;?\s*$`)
)

// Statements are those of a text, if it holds several of which one is refused in a transaction, as
// the several of one text are: the author had them sent one by one. Else it is the text.
func Statements(text string) []string {
	words := bare(text)
	if !noTx.MatchString(refresh.ReplaceAllString(words, "")) || sqlite.MatchString(words) || atomic.MatchString(words) {
		return []string{text}
	}
	var list []string
	from := 0
	for i := range words {
		if words[i] == ';' || i == len(words)-1 {
			if strings.Trim(words[from:i+1], " \t\r\n;") != "" {
				list = append(list, strings.TrimSpace(text[from:i+1]))
			}
			from = i + 1
		}
	}
	if len(list) < 2 {
		return []string{text}
	}
	return list
}

var (
	sqlite = regexp.MustCompile(`(?i)(^|;)\s*(PRAGMA|ATTACH|DETACH)\b`)
	atomic = regexp.MustCompile(`(?i)\bBEGIN\s+ATOMIC\b|\bTRIGGER\b[^;]*\bBEGIN\b`) // bodies with semicolons of their own
)
