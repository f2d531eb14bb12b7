package cli

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text of one line that does nothing but be read: what is not printable, such as
// escape sequences, newlines and marks that turn the direction of text, is shown as Go would
// write it.
func clean(text string) string {
	harmless := true
	for _, r := range text {
		harmless = harmless && unicode.IsPrint(r)
	}
	if harmless {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// brief is clean, cut to what fits beside other things.
func brief(text string) string {
	const most = 300
	text = clean(text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// paragraph is a text of several lines, each clean, all but the first indented.
func paragraph(text, indent string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = clean(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n"+indent)
}
