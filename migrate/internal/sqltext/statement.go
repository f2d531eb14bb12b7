package sqltext

import "iter"

// Lead is how many tokens a statement shows of its beginning.
const Lead = 16

// A Statement is one of those that a text holds.
type Statement struct {
	// From is where its first token begins, To is behind its last, and Next behind its semicolon,
	// or at the end of the text. Comments before the first token and behind the last are not its own.
	From, To, Next int
	// Concurrently says that it has this word.
	Concurrently bool
	// Command is where a command of psql begins, a backslash at the beginning of a line; else -1.
	Command int

	scan  Scanner // of the whole text
	text  string
	first [Lead]Token
	n     int // tokens, at most Lead of them in first
}

// Statements are those of a text that have tokens at all: a comment or a semicolon alone is none.
// A semicolon does not end a statement within parentheses, in the body of a trigger
// (BEGIN …; END), and in BEGIN ATOMIC …; END.
//
// Where strings with backslashes are switched on or off in the middle of a text, nothing changes:
// the database reads a text before it executes its first statement.
func Statements(s Scanner) iter.Seq[*Statement] {
	return func(yield func(*Statement) bool) {
		st := &Statement{} // reused, so that a large script costs one allocation
		var b block
		begin := func() { *st, b = Statement{scan: s, text: s.Text, Command: -1}, block{} }
		begin()
		for {
			t := s.Next()
			switch {
			case t.Kind == Comment:
				continue
			case t.Kind == End, t.Kind == Sign && s.Text[t.From] == ';' && b.over():
				st.Next = t.To
				if st.n > 0 && !yield(st) || t.Kind == End {
					return
				}
				begin()
				continue
			}
			if st.n == 0 {
				st.From = t.From
			}
			if st.n < Lead {
				st.first[st.n] = t
			}
			st.n++
			st.To = t.To
			switch t.Kind {
			case Word:
				if t.To-t.From == len("CONCURRENTLY") && t.Is(s.Text, "CONCURRENTLY") {
					st.Concurrently = true
				}
			case Sign:
				if s.Text[t.From] == '\\' && st.Command < 0 && beginsLine(s.Text, t.From) {
					st.Command = t.From
				}
			}
			b.take(st, t)
		}
	}
}

// beginsLine reports whether only blanks stand before i in its line.
func beginsLine(text string, i int) bool {
	for i--; i >= 0; i-- {
		switch text[i] {
		case ' ', '\t':
		case '\n':
			return true
		default:
			return false
		}
	}
	return true
}

// block says whether a semicolon is within a statement.
type block struct {
	parens   int
	trigger  bool // from the BEGIN of a trigger on
	routine  int  // depth of BEGIN ATOMIC, and of CASE in it
	begun    bool // the last token was BEGIN
	closing  bool // the last token but one was a semicolon, and the last was END
	wasBreak bool // the last token was a semicolon
}

func (b *block) over() bool {
	if b.trigger {
		return b.closing
	}
	return b.parens == 0 && b.routine == 0
}

func (b *block) take(st *Statement, t Token) {
	text := st.text
	wasBreak, begun := b.wasBreak, b.begun
	b.wasBreak, b.begun, b.closing = false, false, false
	if t.Kind == Sign {
		switch text[t.From] {
		case '(':
			b.parens++
		case ')':
			b.parens = max(0, b.parens-1)
		case ';':
			b.wasBreak = true
		}
		return
	}
	if t.Kind != Word {
		return
	}
	switch t.To - t.From {
	case len("END"):
		if t.Is(text, "END") {
			b.closing = wasBreak
			b.routine = max(0, b.routine-1)
		}
	case len("CASE"):
		if b.routine > 0 && t.Is(text, "CASE") {
			b.routine++
		}
	case len("BEGIN"):
		if t.Is(text, "BEGIN") && st.n > 1 {
			b.begun = true
			b.trigger = b.trigger || st.makesTrigger()
		}
	case len("ATOMIC"):
		if begun && t.Is(text, "ATOMIC") {
			b.routine = 1
		}
	}
}

// makesTrigger reports whether the statement begins with CREATE [OR REPLACE] [TEMP] TRIGGER.
func (st *Statement) makesTrigger() bool {
	if !st.At(0, "CREATE") {
		return false
	}
	i := 1
	for st.AtOneOf(i, "OR", "REPLACE", "TEMP", "TEMPORARY", "CONSTRAINT") {
		i++
	}
	return st.At(i, "TRIGGER")
}

// Len is the number of tokens.
func (st *Statement) Len() int { return st.n }

// Token is the i-th token, i below [Lead]; its kind is End if there is none.
func (st *Statement) Token(i int) Token {
	if i >= min(st.n, Lead) {
		return Token{From: st.To, To: st.To}
	}
	return st.first[i]
}

// At reports whether the i-th token is a word; upper must be in capitals.
func (st *Statement) At(i int, upper string) bool { return st.Token(i).Is(st.text, upper) }

// Begins reports whether the statement begins with words, in capitals.
func (st *Statement) Begins(words ...string) bool {
	for i, w := range words {
		if !st.At(i, w) {
			return false
		}
	}
	return true
}

// AtOneOf reports whether the i-th token is one of some words, in capitals.
func (st *Statement) AtOneOf(i int, words ...string) bool {
	for _, w := range words {
		if st.At(i, w) {
			return true
		}
	}
	return false
}

// SignAt reports whether the i-th token is a sign.
func (st *Statement) SignAt(i int, sign byte) bool {
	t := st.Token(i)
	return t.Kind == Sign && st.text[t.From] == sign
}

// Tokens are all tokens of the statement but for comments.
func (st *Statement) Tokens() iter.Seq[Token] {
	return func(yield func(Token) bool) {
		if st.n <= Lead {
			for _, t := range st.first[:st.n] {
				if !yield(t) {
					return
				}
			}
			return
		}
		s := st.scan
		s.Text, s.pos = st.text[:st.To], st.From
		for t := s.Next(); t.Kind != End; t = s.Next() {
			if t.Kind != Comment && !yield(t) {
				return
			}
		}
	}
}

// Mask is a text with spaces for what is commented, if comments is true, and quoted, if quotes is.
// Lines and offsets stay.
func Mask(s Scanner, comments, quotes bool) string {
	b := []byte(s.Text)
	for t := s.Next(); t.Kind != End; t = s.Next() {
		hide := false
		switch t.Kind {
		case Comment:
			hide = comments
		case Name, String, Body:
			hide = quotes
		}
		if !hide {
			continue
		}
		for i := t.From; i < t.To; i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
	}
	return string(b)
}

// Text is the i-th token as it stands, i below [Lead].
func (st *Statement) Text(i int) string {
	t := st.Token(i)
	return st.text[t.From:t.To]
}
