package bunstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// A statement is a text in which {fragments} stand for what differs between databases and stores, and
// @words for values. A value that is a [source] becomes a common table expression of that name.
type statement struct {
	name, template string
	often          bool // worth being prepared
}

var statements []*statement

// define names a statement.
func define(name, template string) *statement {
	s := &statement{name: name, template: template}
	statements = append(statements, s)
	return s
}

// often is define for a statement that a run makes over and over.
func often(name, template string) *statement {
	s := define(name, template)
	s.often = true
	return s
}

// An arg is a value and the word that stands for it. It is a string, int64, bool, []byte, source, or
// list.
type arg struct {
	word  string
	value any
}

// A source is rows of values. There is at least one.
type source struct {
	columns []column
	rows    [][]any // as args; a nil stands for NULL
}

// A column of a source. Its kind is text, bigint, boolean or bytea.
type column struct{ name, kind string }

// A list is texts that stand for themselves, separated by commas.
type list []string

// A compiled statement has its fragments, for one store.
type compiled struct {
	parts []string // text, word, text, word, ... text
	words []string // each once, in the order in which they come first
}

// mutate lets a test break a statement, to see whether other tests notice.
var mutate = func(template string) string { return template }

// compile writes the fragments into a statement, once.
func (s *Store) compile(st *statement) *compiled {
	if c, made := s.compiled.Load(st); made {
		return c.(*compiled)
	}
	c, rest := &compiled{}, mutate(s.expand.Replace(mutate(st.template)))
	for {
		before, after, found := strings.Cut(rest, "@")
		c.parts = append(c.parts, before)
		if !found {
			break
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r < 'a' || r > 'z' })
		if end < 0 {
			end = len(after)
		}
		word := after[:end]
		c.parts, rest = append(c.parts, word), after[end:]
		known := false
		for _, have := range c.words {
			known = known || have == word
		}
		if !known {
			c.words = append(c.words, word)
		}
	}
	s.compiled.Store(st, c)
	return c
}

// text is the statement if it has no values.
func (c *compiled) text() string { return strings.Join(c.parts, "@") }

// planKey tells the texts of a prepared statement apart.
type planKey struct {
	st          *statement
	many, level int
}

// A database plans a prepared statement once, by the size that the tables have then, and keeps the plan
// while they grow: one that looks through all of a small table is ruinous for a large one. So the text
// is another one, with the level as a comment, as the number of entries grows: until the table is so large
// that no plan looks through it. Each text costs some six plans; up to 64 entries none is bad.
func (s *Store) level() int {
	switch n := s.size.Load(); {
	case n < 64:
		return 0
	case n < 256:
		return 1
	default:
		return 2
	}
}

// finish is the text of a statement and the values beside it. The values are in the text unless the
// statement is prepared.
func (s *Store) finish(st *statement, args []arg) (text string, values []any) {
	c := s.compile(st)
	many, can := 0, st.often && s.preparing.allowed()
	for _, a := range args {
		switch v := a.value.(type) {
		case source:
			if len(v.rows) > 1 {
				many, can = many*2+1, can && !s.dialect.oneWriter
			} else {
				many *= 2
			}
		case list:
			can = false
		}
	}
	if !can {
		return s.inline(c, args), nil
	}
	values = append(make([]any, 0, 40), s.preparing.how.Ask...)
	for _, word := range c.words {
		values = appendValue(values, valueOf(args, word))
	}
	key := planKey{st, many, s.level()}
	if made, known := s.preparing.texts.Load(key); known {
		return made.(string), values
	}
	text = s.beside(c, args)
	if !s.dialect.oneWriter {
		text += fmt.Sprintf(" /* %d */", key.level)
	}
	s.preparing.texts.Store(key, text)
	return text, values
}

func valueOf(args []arg, word string) any {
	for i := range args {
		if args[i].word == word {
			return args[i].value
		}
	}
	panic("bunstore: a statement without @" + word)
}

// appendValue appends a value, or those of a source: of one row as they are, of several as one array for
// each column.
func appendValue(values []any, v any) []any {
	src, is := v.(source)
	switch {
	case !is:
		return append(values, v)
	case len(src.rows) == 1:
		return append(values, src.rows[0]...)
	}
	for i := range src.columns {
		values = append(values, arrayOf(src.rows, i))
	}
	return values
}

// arrayOf is a column of a source as Postgres reads an array. Drivers take a text for one allocation, and a
// slice for one a row.
func arrayOf(rows [][]any, i int) string {
	text := make([]byte, 0, 48*len(rows))
	for j, row := range rows {
		text = append(text, "{,"[min(j, 1)])
		switch v := row[i].(type) {
		case nil:
			text = append(text, "NULL"...)
		case string:
			text = append(text, '"')
			for k := range len(v) {
				if v[k] == '"' || v[k] == '\\' {
					text = append(text, '\\')
				}
				text = append(text, v[k])
			}
			text = append(text, '"')
		case []byte:
			text = append(hex.AppendEncode(append(text, `"\\x`...), v), '"')
		default:
			text = fmt.Append(text, v)
		}
	}
	return string(append(text, '}'))
}

// beside writes the text of a statement with places for its values.
func (s *Store) beside(c *compiled, args []arg) string {
	var text strings.Builder
	first, n := map[string]int{}, 1
	for _, word := range c.words {
		first[word] = n
		if src, is := valueOf(args, word).(source); is {
			n += len(src.columns)
		} else {
			n++
		}
	}
	place := func(n int, kind string) string {
		if s.dialect.oneWriter {
			return "?" + strconv.Itoa(n)
		}
		return "$" + strconv.Itoa(n) + "::" + kind
	}
	for i, part := range c.parts {
		if i%2 == 0 {
			text.WriteString(part)
			continue
		}
		src, is := valueOf(args, part).(source)
		if !is {
			text.WriteString(place(first[part], kindOf(valueOf(args, part))))
			continue
		}
		src.head(&text, part)
		before, after, kind := "VALUES (", ")", ""
		if len(src.rows) > 1 {
			before, after, kind = "SELECT * FROM unnest(", ")", "[]"
		}
		text.WriteString(before)
		for j, col := range src.columns {
			if j > 0 {
				text.WriteString(", ")
			}
			text.WriteString(place(first[part]+j, col.kind+kind))
		}
		text.WriteString(after + ")")
	}
	return text.String()
}

// head is "v (v_id, v_token) AS (".
func (src source) head(text *strings.Builder, name string) {
	text.WriteString(name + " (")
	for i, col := range src.columns {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(name + "_" + col.name)
	}
	text.WriteString(") AS (")
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "boolean"
	case []byte:
		return "bytea"
	default:
		return "bigint"
	}
}

// inline writes the text of a statement with its values in it.
func (s *Store) inline(c *compiled, args []arg) string {
	var text strings.Builder
	var buf []byte
	literal := func(v any) {
		buf = s.gen.Append(buf[:0], v)
		text.Write(buf)
	}
	for i, part := range c.parts {
		if i%2 == 0 {
			text.WriteString(part)
			continue
		}
		switch v := valueOf(args, part).(type) {
		case source:
			v.head(&text, part)
			for j, row := range v.rows {
				text.WriteString([]string{"VALUES (", "), ("}[min(j, 1)])
				for k, value := range row {
					if k > 0 {
						text.WriteString(", ")
					}
					if value == nil {
						text.WriteString("NULL")
					} else {
						literal(value)
					}
				}
			}
			text.WriteString("))")
		case list:
			for j, word := range v {
				if j > 0 {
					text.WriteString(", ")
				}
				literal(word)
			}
		default:
			literal(v)
		}
	}
	return text.String()
}

// query makes a statement and calls each, if it is not nil, with every row of its answer. A finished
// text goes to bun as one argument, because bun would look for question marks in it again.
func (s *Store) query(ctx context.Context, c bun.IConn, each func(*row) error, st *statement, args ...arg) error {
	text, values := s.finish(st, args)
	var rows *sql.Rows
	var err error
	if values == nil {
		rows, err = c.QueryContext(ctx, "?", bun.Safe(text))
	} else {
		rows, err = plain(c).QueryContext(ctx, text, values...)
	}
	if err != nil {
		return err
	}
	return s.readRows(rows, each)
}

// exec makes a statement that answers with nothing.
func (s *Store) exec(ctx context.Context, c bun.IConn, st *statement, args ...arg) error {
	text, values := s.finish(st, args)
	if values != nil {
		return s.query(ctx, c, nil, st, args...)
	}
	_, err := c.ExecContext(ctx, "?", bun.Safe(text))
	return err
}

// matches reports whether a statement answers with a row.
func (s *Store) matches(ctx context.Context, c bun.IConn, st *statement, args ...arg) (found bool, err error) {
	err = s.query(ctx, c, func(*row) error { found = true; return nil }, st, args...)
	return found, err
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// plain is a connection without bun, which would write the values into the text.
func plain(c bun.IConn) querier {
	switch c := c.(type) {
	case *transaction:
		return c.Tx.Tx
	case bun.Conn:
		return c.Conn
	case *bun.DB:
		return c.DB
	default:
		return c
	}
}
