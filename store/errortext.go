package store

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sequencer-go/seq/internal/errtext"
)

// MaxErrorBytes is the length at which stored error texts are cut.
const MaxErrorBytes = 8 << 10

// ErrorText is the text of err as the ledger keeps it: valid UTF-8, no NUL, at most
// [MaxErrorBytes] long with the original length told, and a text even if err's own Error method
// panics. It is "" for nil.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	return cleanText(errtext.Of(err))
}

// cleanText is any text as the ledger keeps it.
func cleanText(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "␀"), "\uFFFD")
	if len(text) <= MaxErrorBytes {
		return text
	}
	note := fmt.Sprintf("… (%d bytes in all)", len(text))
	cut := MaxErrorBytes - len(note)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + note
}
