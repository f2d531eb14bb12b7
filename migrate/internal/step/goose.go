package step

import "strings"

// GooseNote is the annotation that a line is.
func GooseNote(line string) (note string, ok bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "--") {
		return "", false
	}
	note, ok = strings.CutPrefix(strings.TrimLeft(line, "- \t"), "+goose")
	return strings.TrimSpace(note), ok
}

// GooseUp is the part of a file of goose that its down step does not belong to.
func GooseUp(text string) string {
	at := 0
	for line := range strings.Lines(text) {
		if note, ok := GooseNote(line); ok && strings.EqualFold(note, "Down") {
			return text[:at]
		}
		at += len(line)
	}
	return text
}
