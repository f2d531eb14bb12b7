package console

import (
	"slices"
	"time"

	"github.com/sequencer-go/seq/store"
)

// trend is how long the latest calls of an op's Run took, as a picture.
type trend struct {
	Bars    []trendBar
	Width   int
	Median  string // of those that succeeded
	Longest string
}

// trendBar is one attempt. Heights are in pixels.
type trendBar struct {
	looks

	X, Y, Height int
	Label        string
}

const (
	trendShown  = 40
	trendHeight = 56
	trendStep   = 14
)

// trendOf draws a history. It is nil for fewer than two attempts, which make no trend.
func trendOf(history []store.Attempt) *trend {
	var list []store.Attempt
	for _, a := range slices.Backward(history) {
		if a.Direction == store.Forward && !a.Finished.IsZero() && len(list) < trendShown {
			list = append(list, a)
		}
	}
	if len(list) < 2 {
		return nil
	}
	slices.Reverse(list)
	took := func(a *store.Attempt) time.Duration { return max(a.Finished.Sub(a.Started), 0) }
	longest := time.Duration(1)
	var good []time.Duration
	for i := range list {
		longest = max(longest, took(&list[i]))
		if list[i].State == store.Succeeded {
			good = append(good, took(&list[i]))
		}
	}
	t := &trend{Width: len(list) * trendStep, Longest: span(longest)}
	for i := range list {
		a := &list[i]
		h := max(int(float64(trendHeight)*float64(took(a))/float64(longest)), 2)
		l := looksOfState(a.State)
		t.Bars = append(t.Bars, trendBar{
			looks: l, X: i * trendStep, Y: trendHeight - h, Height: h,
			Label: "attempt " + number(a.Number) + ", " + stamp(a.Started) + ": " + l.Word + ", " + span(took(a)),
		})
	}
	if len(good) > 0 {
		slices.Sort(good)
		t.Median = span(good[len(good)/2])
	}
	return t
}
