// Package sqltext reads SQL as far as comments, quotes and the ends of statements, by the rules of
// the database that will get the text. It knows words and no grammar.
package sqltext

import "strings"

// A Dialect is a database whose rules a text is read by.
type Dialect uint8

// The dialects. They differ in these rules:
//
//   - Postgres nests block comments, and a carriage return alone ends a line comment;
//   - Postgres has E'…' with backslashes, and $tag$…$tag$;
//   - SQLite has [names] and `names`, and $name is a parameter.
const (
	Postgres Dialect = iota
	SQLite
)

// A Kind says what a token is.
type Kind uint8

// The kinds of token.
const (
	End     Kind = iota // of the text
	Comment             // -- to the end of the line, or /* */
	Word                // a keyword or a name, unquoted
	Name                // "a name", and on SQLite [a name] and `a name`
	String              // 'a string', also one with a prefix, as E'…'
	Body                // $tag$ a string $tag$
	Sign                // any other byte, but white space
)

// A Token is a piece of a text. White space belongs to none.
type Token struct {
	Kind     Kind
	From, To int
}

// A Scanner reads the tokens of a text, one after another. Something that is quoted and does not end
// reaches to the end of the text.
type Scanner struct {
	Text    string
	Dialect Dialect
	// Backslashes says that Postgres was told standard_conforming_strings = off, so that every
	// string is like E'…'.
	Backslashes bool
	pos         int
}

// Classes of bytes.
const (
	space  = 1 << iota // that a statement may have anywhere
	letter             // that a word may begin with
	digit
)

var class = func() (c [256]uint8) {
	for _, b := range " \t\n\r\f\v" {
		c[b] = space
	}
	for b := range 256 {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_', b >= 0x80:
			c[b] = letter
		case b >= '0' && b <= '9':
			c[b] = digit
		}
	}
	return c
}()

// Next is the next token; its kind is End when there is none.
func (s *Scanner) Next() Token {
	text, i := s.Text, s.pos
	for i < len(text) && class[text[i]] == space {
		i++
	}
	t := Token{From: i, To: i}
	if i == len(text) {
		s.pos = i
		return t
	}
	c := text[i]
	following := byte(0)
	if i+1 < len(text) {
		following = text[i+1]
	}
	t.Kind, t.To = Sign, i+1
	switch {
	case class[c]&(letter|digit) != 0:
		s.word(&t)
	case c == '-' && following == '-':
		t.Kind, t.To = Comment, s.line(i)
	case c == '/' && following == '*':
		t.Kind, t.To = Comment, s.block(i)
	case c == '\'':
		t.Kind, t.To = String, s.quoted(i, s.Backslashes)
	case c == '"', c == '`' && s.Dialect == SQLite:
		t.Kind, t.To = Name, s.quoted(i, false)
	case c == '[' && s.Dialect == SQLite:
		t.Kind, t.To = Name, after(text, i, "]")
	case c == '$':
		s.dollar(&t)
	}
	s.pos = t.To
	return t
}

// word reads a word, a number, or a string with a prefix.
func (s *Scanner) word(t *Token) {
	text, i := s.Text, t.From
	if class[text[i]] == digit {
		for i < len(text) && class[text[i]] == digit {
			i++
		}
		t.To = i
		return
	}
	for i < len(text) && (class[text[i]]&(letter|digit) != 0 || text[i] == '$') {
		i++
	}
	t.Kind, t.To = Word, i
	if i-t.From != 1 || i == len(text) || text[i] != '\'' {
		return
	}
	switch text[t.From] {
	case 'e', 'E':
		if s.Dialect == Postgres {
			t.Kind, t.To = String, s.continued(s.quoted(i, true))
		}
	case 'x', 'X', 'b', 'B', 'n', 'N':
		t.Kind, t.To = String, s.quoted(i, false)
	}
}

// line is the end of a comment that ends with its line.
func (s *Scanner) line(i int) int {
	ends := "\n"
	if s.Dialect == Postgres {
		ends = "\r\n"
	}
	if n := strings.IndexAny(s.Text[i:], ends); n >= 0 {
		return i + n
	}
	return len(s.Text)
}

// block is the end of a block comment.
func (s *Scanner) block(i int) int {
	if s.Dialect == SQLite {
		return after(s.Text, i+1, "*/")
	}
	depth, text := 1, s.Text
	for i += 2; i+1 < len(text); i++ {
		switch {
		case text[i] == '*' && text[i+1] == '/':
			i++
			if depth--; depth == 0 {
				return i + 1
			}
		case text[i] == '/' && text[i+1] == '*':
			i++
			depth++
		}
	}
	return len(text)
}

// quoted is the end of what begins with a quote and ends with the same, which stands twice for
// itself.
func (s *Scanner) quoted(i int, backslashes bool) int {
	text, quote := s.Text, s.Text[i]
	for i++; i < len(text); i++ {
		switch {
		case backslashes && text[i] == '\\':
			i++
		case text[i] != quote:
		case i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(text)
}

// continued is the end of a string with backslashes, which goes on behind a line break if there is a
// quote again. (Of any other string it does not matter that it goes on: both parts read alike.)
func (s *Scanner) continued(i int) int {
	for {
		j := i
		for j < len(s.Text) && class[s.Text[j]] == space {
			j++
		}
		if j == len(s.Text) || s.Text[j] != '\'' || !strings.ContainsAny(s.Text[i:j], "\r\n") {
			return i
		}
		i = s.quoted(j, true)
	}
}

// dollar reads $tag$…$tag$, or a parameter.
func (s *Scanner) dollar(t *Token) {
	text, i := s.Text, t.From+1
	for i < len(text) && class[text[i]]&(letter|digit) != 0 {
		i++
	}
	if s.Dialect == SQLite {
		t.To = i
		return
	}
	if i < len(text) && text[i] == '$' && class[text[t.From+1]] != digit {
		t.Kind, t.To = Body, after(text, i, text[t.From:i+1])
		return
	}
	if t.From+1 < len(text) && class[text[t.From+1]] == digit { // $1, which may stand before $tag$
		for i = t.From + 1; i < len(text) && class[text[i]] == digit; {
			i++
		}
		t.To = i
	}
}

// after is where the first end behind from ends, or the text.
func after(text string, from int, end string) int {
	if n := strings.Index(text[from+1:], end); n >= 0 {
		return from + 1 + n + len(end)
	}
	return len(text)
}

// Is reports whether a token of a text is a word; upper must be in capitals.
func (t Token) Is(text, upper string) bool {
	if t.Kind != Word || t.To-t.From != len(upper) {
		return false
	}
	for i := range len(upper) {
		if c := text[t.From+i]; c != upper[i] && c-('a'-'A') != upper[i] {
			return false
		}
	}
	return true
}

// Inside is what a string or a body holds, as the database will read it but for backslashes.
func (t Token) Inside(text string) string {
	piece := text[t.From:t.To]
	switch t.Kind {
	case Body:
		tag := piece[:strings.IndexByte(piece[1:], '$')+2]
		return strings.TrimSuffix(piece[len(tag):], tag)
	case String:
		_, piece, _ = strings.Cut(piece, "'")
		return strings.ReplaceAll(strings.TrimSuffix(piece, "'"), "''", "'")
	default:
		return piece
	}
}
