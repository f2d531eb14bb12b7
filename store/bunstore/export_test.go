package bunstore

import (
	"strings"

	"github.com/uptrace/bun"
)

// Mutate puts new in the place of old in every statement that has it.
func Mutate(old, broken string) {
	mutate = func(query string) string { return strings.ReplaceAll(query, old, broken) }
	found := strings.Contains(dialectTexts(), old)
	for _, s := range statements {
		found = found || strings.Contains(s.template, old)
	}
	if !found {
		panic("no statement has " + old)
	}
}

func dialectTexts() string {
	var texts []string
	for _, d := range dialects {
		for _, text := range d.fragments {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n")
}

// BlockSize is how a full read grows.
var BlockSize = blockSize

// Texts are all statements of a store, by name: with the values in them, and with places for those of
// one row and of several.
func (s *Store) Texts() map[string]string {
	texts := map[string]string{}
	for _, st := range statements {
		onlyPostgres := strings.Contains(st.template, "::") || strings.Contains(st.template, "FOR UPDATE") || strings.Contains(st.template, "pg_") ||
			strings.Contains(st.template, "txid") || strings.Contains(st.template, "SEQUENCE") || strings.Contains(st.template, "SCHEMA")
		if s.dialect.oneWriter && onlyPostgres || !s.dialect.oneWriter && strings.Contains(st.name, "one writer") {
			continue
		}
		c := s.compile(st)
		for _, rows := range []int{1, 2} {
			var args []arg
			many := false
			for _, word := range c.words {
				value, isSource := sample(word, st, rows)
				many = many || isSource
				args = append(args, arg{word, value})
			}
			if rows > 1 && !many {
				continue
			}
			name := st.name
			if many {
				name += []string{"", ", one row", ", two rows"}[rows]
			}
			texts[name+": values in the text"] = s.inline(c, args)
			if st.often && (rows == 1 || !s.dialect.oneWriter) {
				texts[name+": values beside it"] = s.beside(c, args)
			}
		}
	}
	return texts
}

// sample is a value for a word of a statement.
func sample(word string, st *statement, rows int) (value any, isSource bool) {
	columns := map[string][]column{"v": outcomeColumns, "k": claimColumns}[word]
	switch {
	case word == "ids":
		return list{"a", "b"}, false
	case word == "v" && strings.Contains(st.template, "v_delivery"), word == "v" && strings.Contains(st.name, "claim supersedes"):
		columns = claimColumns
	case word == "v" && strings.Contains(st.template, "mark"), word == "v" && strings.Contains(st.template, "v_due"), word == "v" && strings.Contains(st.name, "mark supersedes"):
		columns = markColumns
	case word == "v" && st == saveOps:
		columns = saveColumns
	case word == "v" && st == progressOps:
		columns = progressColumns
	}
	if columns != nil {
		src := source{columns: columns}
		for i := range rows {
			var row []any
			for _, c := range columns {
				row = append(row, map[string]any{"text": "it's", "bigint": int64(i + 1), "boolean": true, "bytea": []byte("x"), "": nil}[c.kind])
			}
			src.rows = append(src.rows, row)
		}
		return src, true
	}
	switch word {
	case "epoch", "limit", "before", "number", "age", "keep", "attempt", "tx", "size", "rest", "until", "seen":
		return int64(7), false
	case "stopped":
		return true, false
	case "saved":
		return []byte("x"), false
	default:
		return word + "?", false
	}
}

// Table is the name of a table.
func (s *Store) Table(name string) string { return s.table(name) }

// On is the same ledger over another handle of its database.
func (s *Store) On(db *bun.DB) *Store { return New(db, Prefix(s.prefix), LeaseTTL(s.ttl)) }
