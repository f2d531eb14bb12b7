package step

import "strings"

// bare is a text with spaces for what is commented or quoted, as names, strings and the bodies of
// functions are, so that words and semicolons that are left mean what they say. Lines and offsets
// are those of the text. Nothing here understands SQL beyond that.
func bare(sql string) string {
	b := []byte(sql)
	for _, p := range pieces(sql) {
		blank(b[p.from:p.to])
	}
	return string(b)
}

// uncommented is a text with spaces for its comments.
func uncommented(sql string) string {
	b := []byte(sql)
	for _, p := range pieces(sql) {
		if p.comment {
			blank(b[p.from:p.to])
		}
	}
	return string(b)
}

func blank(b []byte) {
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
}

// A piece is a part of a text that is commented or quoted.
type piece struct {
	from, to int
	comment  bool
	body     string // of a dollar quote
}

func pieces(sql string) (found []piece) {
	for i := 0; i < len(sql); {
		p := piece{from: i}
		rest := sql[i:]
		switch {
		case strings.HasPrefix(rest, "--"):
			p.to, p.comment = i+until(rest, "\n"), true
		case strings.HasPrefix(rest, "/*"):
			p.to, p.comment = i+nested(rest), true
		case rest[0] == '\'':
			p.to = i + quoted(rest, escapes(sql[:i]))
		case rest[0] == '"':
			p.to = i + quoted(rest, false)
		case rest[0] == '$' && (i == 0 || !inWord(sql[i-1])):
			if tag := dollar(rest); tag != "" {
				n := until(rest[len(tag):], tag)
				p.to, p.body = i+len(tag)+n, strings.TrimSuffix(rest[len(tag):len(tag)+n], tag)
			}
		}
		if p.to == 0 {
			i++
			continue
		}
		found = append(found, p)
		i = p.to
	}
	return found
}

// until is where the first end ends, or the text.
func until(text, end string) int {
	if at := strings.Index(text, end); at >= 0 {
		return at + len(end)
	}
	return len(text)
}

// nested is the length of a comment, in which there may be others.
func nested(text string) int {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			if depth--; depth == 0 {
				return i + 2
			}
			i++
		}
	}
	return len(text)
}

// quoted is the length of what begins with a quote and ends with the same, which stands twice for
// itself.
func quoted(text string, backslash bool) int {
	for i := 1; i < len(text); i++ {
		switch {
		case backslash && text[i] == '\\':
			i++
		case text[i] != text[0]:
		case i+1 < len(text) && text[i+1] == text[0]:
			i++
		default:
			return i + 1
		}
	}
	return len(text)
}

// escapes reports whether the string that follows is one with backslashes: E'it\'s'.
func escapes(before string) bool {
	n := len(before)
	return n > 0 && (before[n-1] == 'E' || before[n-1] == 'e') && (n == 1 || !inWord(before[n-2]))
}

// dollar is the tag with which a text begins, as $$ or $body$.
func dollar(text string) string {
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '$':
			return text[:i+1]
		case !inWord(c) || i == 1 && c >= '0' && c <= '9':
			return ""
		}
	}
	return ""
}

func inWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}
