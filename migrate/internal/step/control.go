package step

import (
	"slices"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// A control is a statement that begins or ends a transaction.
type control struct {
	text     int // that it stands in
	from, to int // its place there, the semicolon included
	kind     controlKind
	modes    string // of the transaction that it begins, as ISOLATION LEVEL SERIALIZABLE
}

type controlKind uint8

const (
	none    controlKind = iota
	opening             // BEGIN
	closing             // COMMIT, END
	between             // all others: ROLLBACK, COMMIT AND CHAIN, PREPARE TRANSACTION
)

// without are statements with spaces for those that begin and end a transaction.
func without(statements []string, own []control, d sqltext.Dialect) []string {
	list := slices.Clone(statements)
	for _, c := range own {
		text := []byte(list[c.text])
		for i := c.from; i < c.to; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
		list[c.text] = string(text)
	}
	for _, c := range own {
		if Empty(list[c.text], d) {
			list[c.text] = ""
		}
	}
	return list
}

// controlOf is what a statement does to the transaction, and of one that begins it its modes.
func controlOf(st *sqltext.Statement, text string) (kind controlKind, modes string) {
	i := 1
	switch {
	case st.Begins("START", "TRANSACTION"), st.At(0, "BEGIN"):
		for st.AtOneOf(i, "TRANSACTION", "WORK", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "CONCURRENT") {
			i++
		}
		switch {
		case st.Len() == i:
			return opening, ""
		case st.AtOneOf(i, "ISOLATION", "READ", "NOT", "DEFERRABLE"):
			return opening, text[st.Token(i).From:st.To]
		}
		return between, ""
	case st.AtOneOf(0, "COMMIT", "END", "ROLLBACK", "ABORT"):
		if st.AtOneOf(i, "TRANSACTION", "WORK") {
			i++
		}
		switch {
		case st.At(0, "ROLLBACK") && st.At(i, "TO"): // a savepoint
			return none, ""
		case !st.AtOneOf(0, "COMMIT", "END"):
			return between, ""
		}
		if st.At(i, "AND") && st.At(i+1, "NO") && st.At(i+2, "CHAIN") {
			i += 3
		}
		if st.Len() == i {
			return closing, ""
		}
		return between, ""
	case st.Begins("PREPARE", "TRANSACTION"):
		return between, ""
	}
	return none, ""
}

// setsIsolation reports whether a statement sets what must be set before any query of a transaction.
func setsIsolation(st *sqltext.Statement) bool {
	i := 1
	if st.AtOneOf(i, "LOCAL", "SESSION") {
		i++
	}
	return st.At(i, "TRANSACTION") && st.AtOneOf(i+1, "ISOLATION", "READ", "NOT", "DEFERRABLE") ||
		st.AtOneOf(i, "TRANSACTION_ISOLATION", "TRANSACTION_DEFERRABLE", "TRANSACTION_READ_ONLY")
}
