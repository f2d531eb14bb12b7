package step

import (
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// look finds the words that matter in a statement.
func (f *facts) look(st *sqltext.Statement, text string) {
	refuse := func(d sqltext.Dialect, why string) {
		if f.refused[d] == "" {
			f.refused[d] = why
		}
	}
	switch {
	case st.At(0, "VACUUM"):
		refuse(sqltext.Postgres, "VACUUM")
		refuse(sqltext.SQLite, "VACUUM")
	case st.AtOneOf(0, "PRAGMA", "ATTACH", "DETACH"):
		f.session = true
		refuse(sqltext.SQLite, strings.ToUpper(text[st.From:st.Token(0).To]))
	case st.At(0, "CALL"):
		f.calls = true
	case st.At(0, "DO"):
		f.commits = f.commits || commits(st, text)
	case st.Concurrently && !st.At(0, "REFRESH"):
		refuse(sqltext.Postgres, "CONCURRENTLY")
	default:
		if why := outside(st); why != "" {
			refuse(sqltext.Postgres, why)
		}
	}
	if st.Begins("ALTER", "TYPE") {
		i := 3
		if st.SignAt(i, '.') {
			i += 2
		}
		f.adds = f.adds || st.At(i, "ADD") && st.At(i+1, "VALUE")
	}
}

// outside are the words of a statement that Postgres takes only outside of a transaction, "" of one
// that it takes in one, too.
func outside(st *sqltext.Statement) string {
	switch {
	case st.Begins("ALTER", "SYSTEM"), st.Begins("DISCARD", "ALL"):
	case st.AtOneOf(0, "CREATE", "DROP") && st.AtOneOf(1, "DATABASE", "TABLESPACE", "SUBSCRIPTION"):
	case st.Begins("ALTER", "DATABASE") && st.At(3, "SET") && st.At(4, "TABLESPACE"):
		return "ALTER DATABASE … SET TABLESPACE"
	case st.Begins("ALTER", "SUBSCRIPTION") && (st.At(3, "REFRESH") || st.At(4, "PUBLICATION")):
		return "ALTER SUBSCRIPTION … PUBLICATION"
	case st.At(0, "REINDEX"):
		i := 1
		if st.SignAt(i, '(') {
			for i < sqltext.Lead && !st.SignAt(i, ')') {
				i++
			}
			i++
		}
		if st.AtOneOf(i, "DATABASE", "SYSTEM", "SCHEMA") {
			return "REINDEX of more than a table"
		}
		return ""
	default:
		return ""
	}
	return words(st, 2)
}

// words are the first of a statement.
func words(st *sqltext.Statement, n int) string {
	var list []string
	for i := range n {
		list = append(list, strings.ToUpper(st.Text(i)))
	}
	return strings.Join(list, " ")
}

// commits reports whether the body of a DO ends a transaction.
func commits(st *sqltext.Statement, text string) bool {
	for t := range st.Tokens() {
		if t.Kind != sqltext.Body && t.Kind != sqltext.String {
			continue
		}
		body := t.Inside(text)
		s := sqltext.Scanner{Text: body}
		ending := false
		for t := s.Next(); t.Kind != sqltext.End; t = s.Next() {
			switch {
			case t.Kind == sqltext.Comment:
				continue
			case ending && (t.Is(body, "AND") || t.Kind == sqltext.Sign && body[t.From] == ';'):
				return true
			}
			ending = t.Is(body, "COMMIT") || t.Is(body, "ROLLBACK")
		}
	}
	return false
}
