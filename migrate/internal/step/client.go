package step

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	command = regexp.MustCompile(`(?m)^[ \t]*\\[A-Za-z!?.]\w*`)
	stdin   = regexp.MustCompile(`(?i)(^|;)\s*COPY\b[^;]*\bFROM\s+(STDIN)\b`)
)

// Check is an error if the script has what only psql understands, as a dump has it: it would not
// get through, and what it fails with says little.
func (s *Script) Check() error {
	if s == nil {
		return nil
	}
	for _, stmt := range s.Statements {
		words := bare(stmt)
		if at := stdin.FindStringSubmatchIndex(words); at != nil {
			return fmt.Errorf("COPY … FROM stdin in line %d of a statement: its rows are for psql; write INSERT (pg_dump --inserts)", line(words, at[4]))
		}
		if at := command.FindStringIndex(words); at != nil {
			return fmt.Errorf("%s in line %d of a statement is a command of psql; leave it out", strings.TrimSpace(stmt[at[0]:at[1]]), line(words, at[0]))
		}
	}
	return nil
}

func line(text string, at int) int { return strings.Count(text[:at], "\n") + 1 }
