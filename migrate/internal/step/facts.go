package step

import (
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// facts are what the words of a script say, by the rules of one database. To mistake a harmless word
// for one that matters costs the script its transaction, and nothing else; so words are enough, and
// nobody parses SQL.
type facts struct {
	statements int
	controls   int // of them begin or end a transaction
	// whole says that a transaction of the script's own is all of it: it is begun before anything but
	// settings, committed after everything, and never in between.
	whole bool
	// within is what is sent in a transaction of ours: the statements, less such a transaction. Where
	// nothing is left of one it is "".
	within []string
	// isolation is the statement that sets the isolation of the script's transaction, if it begins with
	// one; else "". To execute it twice does no harm.
	isolation string
	// refused is what each database refuses in a transaction, or does something else there than
	// outside; "" if there is no such thing.
	refused [2]string
	commits bool  // it has a DO that may commit
	calls   bool  // it calls a procedure, which may
	adds    bool  // a value to an enum, which can only be used once that is committed
	session bool  // it has PRAGMA, ATTACH or DETACH
	err     error // it has what only psql understands
}

// A memo is computed once.
type memo struct {
	once  sync.Once
	facts *facts
}

// on is what the words say by the rules of a database.
func (s *Script) on(d sqltext.Dialect) *facts {
	s.alike.once.Do(func() {
		if !slices.ContainsFunc(s.Statements, func(text string) bool { return !sqltext.Alike(text) }) {
			s.alike.facts = s.find(sqltext.Postgres)
		}
	})
	if s.alike.facts != nil {
		return s.alike.facts
	}
	m := &s.read[d]
	m.once.Do(func() { m.facts = s.find(d) })
	return m.facts
}

// Why is why the script, which may be nil, cannot or must not run in a transaction of ours, in a few
// words; "" if it may.
func (s *Script) Why(d sqltext.Dialect) string {
	if s == nil {
		return ""
	}
	f := s.on(d)
	switch {
	case s.told() || s.Alone && !f.whole:
		return "its author wants no transaction"
	case f.controls > 0 && !f.whole:
		return "it has transactions of its own"
	case f.refused[d] != "":
		return f.refused[d] + " does not work in a transaction"
	case f.commits && d == sqltext.Postgres:
		return "its DO block may commit"
	case f.calls && d == sqltext.Postgres && !s.Tx:
		return "what it calls may commit"
	case f.adds && d == sqltext.Postgres && !s.Tx && len(s.Statements) > 1:
		return "a value is added to an enum and must be committed before it is used"
	}
	return ""
}

// told reports whether the author of a file says that it is not to run in a transaction: in a comment
// before the first statement, "-- seq: no transaction".
func (s *Script) told() bool {
	if len(s.Statements) == 0 {
		return false
	}
	for line := range strings.Lines(s.Statements[0]) {
		line = strings.TrimSpace(line)
		comment, is := strings.CutPrefix(line, "--")
		if line != "" && !is {
			return false
		}
		words := strings.Fields(strings.ToLower(strings.ReplaceAll(comment, "-", " ")))
		if said := strings.Join(words, " "); said == "seq: no transaction" || said == "seq:no transaction" {
			return true
		}
	}
	return false
}

// within is what is sent in a transaction of ours.
func (s *Script) within(d sqltext.Dialect) []string { return s.on(d).within }

// apartOn is what is sent one by one where there is no transaction of ours. A text with several
// statements is a transaction in itself; if the database refuses one of them there, or refused the
// text, or the author wants none, they are sent one by one. One that changes the session of SQLite is
// not, because a statement after a crash would run in another session.
func (s *Script) apartOn(d sqltext.Dialect, refused bool) []string {
	if !s.Whole || len(s.Statements) != 1 {
		return s.Statements
	}
	f := s.on(d)
	if f.statements < 2 || f.session && d == sqltext.SQLite || f.refused[d] == "" && !refused && !s.told() {
		return s.Statements
	}
	var list []string
	text, from := s.Statements[0], 0
	for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d}) {
		list = append(list, strings.TrimSpace(text[from:st.Next]))
		from = st.Next
	}
	return list
}

// find reads the script.
func (s *Script) find(d sqltext.Dialect) *facts {
	f := &facts{within: s.Statements}
	var own []control
	settings, isolates, after := true, true, false
	isolation, backslashes := "", false
	for i, text := range s.Statements {
		switched := backslashes
		for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d, Backslashes: backslashes}) {
			f.statements++
			if f.err == nil {
				f.err = psql(st, text)
			}
			kind, modes := controlOf(st, text)
			if kind != none {
				own = append(own, control{i, st.From, st.Next, kind, modes})
				continue
			}
			f.look(st, text)
			isSet := st.At(0, "SET")
			settings = settings && (isSet || len(own) > 0)
			after = after || len(own) == 2
			if isolates = isolates && isSet; isolates && isolation == "" && setsIsolation(st) {
				isolation = text[st.From:st.To]
			}
			if isSet {
				if on, is := conforming(st, text); is {
					switched = !on
				}
			}
		}
		if d == sqltext.Postgres {
			backslashes = switched
		}
	}
	f.controls = len(own)
	if f.whole = len(own) == 2 && own[0].kind == opening && own[1].kind == closing && settings && !after; f.whole {
		f.within = without(s.Statements, own, d)
		if own[0].modes != "" {
			isolation = "SET TRANSACTION " + own[0].modes
		}
	}
	f.isolation = isolation
	return f
}

// Empty reports whether a text has no statement.
func Empty(text string, d sqltext.Dialect) bool {
	for range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d}) {
		return false
	}
	return true
}

// Nothing reports whether no database finds a statement in the script, which may be nil.
func (s *Script) Nothing() bool {
	return s == nil || s.on(sqltext.Postgres).statements == 0 && s.on(sqltext.SQLite).statements == 0
}

// settles reports whether a text only sets something for the session, so that what comes after it
// needs it again in another session.
func settles(text string, d sqltext.Dialect) bool {
	found := false
	for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d}) {
		switch found = true; {
		case d == sqltext.SQLite && st.At(0, "PRAGMA") && !meansTheSame(st):
		case d == sqltext.SQLite && st.AtOneOf(0, "ATTACH", "DETACH"):
		case d == sqltext.Postgres && st.AtOneOf(0, "SET", "RESET") && !st.At(1, "CONSTRAINTS") && !st.At(1, "TRANSACTION") && !st.At(1, "LOCAL"):
		default:
			return false
		}
	}
	return found
}

// conforming reports whether a statement sets standard_conforming_strings, and to what.
func conforming(st *sqltext.Statement, text string) (on, is bool) {
	if !st.At(0, "SET") {
		return false, false
	}
	i := 1
	if st.AtOneOf(i, "SESSION", "LOCAL") {
		i++
	}
	if !st.At(i, "STANDARD_CONFORMING_STRINGS") {
		return false, false
	}
	switch value := st.Token(i + 2); strings.ToLower(value.Inside(text)) {
	case "off", "false", "no", "0":
		return false, true
	}
	return true, true
}

// bare is a text with spaces for what is commented or quoted. Lines and offsets stay.
func bare(text string, d sqltext.Dialect) string {
	return sqltext.Mask(sqltext.Scanner{Text: text, Dialect: d}, true, true)
}

// DialectOfConn is how a database reads a text.
func DialectOfConn(db bun.IDB) sqltext.Dialect {
	if db.Dialect().Name() == dialect.SQLite {
		return sqltext.SQLite
	}
	return sqltext.Postgres
}
