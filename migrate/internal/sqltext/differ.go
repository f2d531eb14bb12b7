package sqltext

import "strings"

// Plausible reports whether a text may be meant for a dialect: it has nothing that surely is an error
// there, as a quote that does not end, or $tag$ on SQLite.
func Plausible(text string, d Dialect) bool {
	s := Scanner{Text: text, Dialect: d}
	for t := s.Next(); t.Kind != End; t = s.Next() {
		piece := text[t.From:t.To]
		switch t.Kind {
		case Word:
		case Comment:
			if d == Postgres && piece[0] == '/' && !strings.HasSuffix(piece, "*/") {
				return false
			}
		case Sign:
			rest := text[t.To:]
			stray := piece[0] == '*' && strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "/*")
			if stray || piece[0] == '$' && d == SQLite || piece[0] == '`' {
				return false
			}
		default:
			if !ends(piece, t.Kind) {
				return false
			}
		}
	}
	return true
}

// ends reports whether something that is quoted has an end. It may take a doubled quote for one.
func ends(piece string, kind Kind) bool {
	switch {
	case kind == Body:
		tag := piece[:strings.IndexByte(piece[1:], '$')+2]
		return len(piece) >= 2*len(tag) && strings.HasSuffix(piece, tag)
	case piece[0] == '[':
		return strings.HasSuffix(piece, "]")
	case kind == String:
		_, rest, _ := strings.Cut(piece, "'")
		return strings.HasSuffix(rest, "'")
	default:
		return len(piece) > 1 && piece[len(piece)-1] == piece[0]
	}
}

// Alike reports whether both dialects read the text alike, for sure: it has nothing in it by which
// they differ.
func Alike(text string) bool {
	if strings.IndexByte(text, '[') >= 0 || strings.IndexByte(text, '`') >= 0 || strings.IndexByte(text, '$') >= 0 || strings.IndexByte(text, '\\') >= 0 {
		return false
	}
	for i := 0; ; { // a carriage return alone
		n := strings.IndexByte(text[i:], '\r')
		if n < 0 {
			break
		}
		if i += n + 1; i == len(text) || text[i] != '\n' {
			return false
		}
	}
	for i := 0; ; { // one comment in another
		n := strings.Index(text[i:], "/*")
		if n < 0 {
			return true
		}
		i += n + 2
		end := strings.Index(text[i:], "*/")
		if end < 0 || strings.Contains(text[i:i+end+1], "/*") {
			return false
		}
		i += end
	}
}
