package step

import (
	"fmt"
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// psql is an error if a statement has what only psql understands, as a dump has it: it would not get
// through, and what it fails with says little.
func psql(st *sqltext.Statement, text string) error {
	if st.At(0, "COPY") {
		from := false
		for t := range st.Tokens() {
			if from && t.Is(text, "STDIN") {
				return fmt.Errorf("COPY … FROM stdin in line %d of a statement: its rows are for psql; write INSERT (pg_dump --inserts)", line(text, t.From))
			}
			from = t.Is(text, "FROM")
		}
	}
	if i := st.Command; i >= 0 {
		end := i + 1
		for end < len(text) && text[end] > ' ' && text[end] != ';' {
			end++
		}
		return fmt.Errorf("%s in line %d of a statement is a command of psql; leave it out", text[i:end], line(text, i))
	}
	return nil
}

func line(text string, at int) int { return strings.Count(text[:at], "\n") + 1 }

// Check is an error if the script has what only psql understands, whichever database reads it, or a
// NUL, at which SQLite stops reading. The script may be nil.
func (s *Script) Check() error {
	if s == nil {
		return nil
	}
	for i, text := range s.Statements {
		if at := strings.IndexByte(text, 0); at >= 0 {
			return fmt.Errorf("there is a NUL byte in line %d of statement %d; Postgres refuses it, and SQLite reads no further; remove it", line(text, at), i+1)
		}
	}
	if s.on(sqltext.SQLite).err == nil {
		return nil
	}
	return s.on(sqltext.Postgres).err
}
