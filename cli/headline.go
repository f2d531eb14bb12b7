package cli

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/sequencer-go/seq"
)

// headline is the run in one line: where it is, and what is left.
func (b *board) headline(now time.Time) string {
	name := "run"
	if b.plan != nil && b.plan.Strategy != "" {
		name = brief(b.plan.Strategy)
	}
	parts := []string{name}
	if b.undoing {
		parts = append(parts, "rolling back")
	} else if wave, of := b.waves(); of > 1 {
		parts = append(parts, fmt.Sprintf("wave %d of %d", wave, of))
	}
	parts = append(parts, fmt.Sprintf("%d of %d at rest", len(b.settled), b.total))
	bad := 0
	for _, s := range b.settled {
		if s == seq.Failed || s == seq.Indeterminate || s == seq.RollbackFailed {
			bad++
		}
	}
	if bad > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", bad))
	}
	if left := b.left() - int64(len(b.running)); left > 0 {
		parts = append(parts, fmt.Sprintf("%d to come", left))
	}
	if !b.began.IsZero() {
		took := now.Sub(b.began)
		parts = append(parts, span(took.Round(time.Second)))
		if done := len(b.settled); done > 0 && took >= time.Second && !b.undoing {
			parts = append(parts, rate(float64(done)/took.Seconds())+" ops/s")
		}
	}
	return strings.Join(parts, " · ")
}

// meter is a bar of text.
func meter(done, total int64) string {
	const width = 20
	full := max(0, min(width, int(float64(done)/float64(total)*width)))
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// wrap breaks a text between words into lines of a width, all but the first indented.
func wrap(text string, width int) []string {
	list := breaks(inOne.ReplaceAllString(inOne.ReplaceAllString(text, "$1\u00a0$2"), "$1\u00a0$2"), width)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "\u00a0", " ")
	}
	return list
}

// inOne finds the spaces within a figure, as in 1 250 000 and 25 %. Neighbours overlap, so it takes two turns.
var inOne = regexp.MustCompile(`(\d) (\d{3}|%)`)

func breaks(text string, width int) []string {
	var list []string
	line := ""
	for word := range strings.SplitAfterSeq(text, " ") {
		if strings.TrimSpace(line) != "" && runewidth.StringWidth(line+strings.TrimRight(word, " ")) > width {
			list = append(list, fit(strings.TrimRight(line, " "), width))
			line = "    "
		}
		line += word
	}
	return append(list, fit(line, width))
}

// fit cuts a text to the width of a terminal.
func fit(text string, width int) string { return runewidth.Truncate(text, width, "…") }
