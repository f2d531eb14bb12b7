package console

import (
	"slices"
	"time"

	"github.com/sequencer-go/seq/store"
)

// timeline is a run as a picture of time: a row for each attempt, from when it started to when it
// finished. Widths are parts of timeWidth, so that the rows fit any screen.
type timeline struct {
	Rows     []timeRow
	Marks    []string // the times at the start, the middle and the end
	Grid     []int
	Critical int    // rows on the critical path, in the whole run
	Path     string // how long they took together
	Whole    string // how long the attempts took from the first start to the last end
	Ticks    bool   // some row has a retry
	Bands    bool   // waves are told apart
}

const timeWidth = 1000

// timeRow is one attempt.
type timeRow struct {
	attemptView

	X, Width int
	Open     bool  // it is not over
	Ticks    []int // where it failed and was tried again
	Critical bool
	Band     *band // of its wave
	Head     string
}

// band is the time of one wave.
type band struct {
	X, Width int
	Odd      bool
	Many     bool // more than one attempt
}

// Key names the row's attempt within the page.
func (v attemptView) Key() string { return v.ID + "/" + v.Direction.String() + "/" + number(v.Number) }

// end is when an attempt ended, or now if it is not over.
func (s *snapshot) end(a *store.Attempt) time.Time {
	if a.Finished.IsZero() {
		return later(s.Now, a.Started)
	}
	return later(a.Finished, a.Started)
}

// timelineOf draws some attempts of a run, on a scale of the time that they took, or that the whole
// run took if all is set; and says of the whole run how long its parts took. It is nil if the run
// has no attempt.
func (s *snapshot) timelineOf(attempts []store.Attempt, shown []int, critical map[int]bool, all bool) *timeline {
	if len(attempts) == 0 {
		return nil
	}
	end := s.end
	begun, over := attempts[0].Started, attempts[0].Started
	for i := range attempts {
		over = later(over, end(&attempts[i]))
	}
	first, last := begun, over
	if !all && len(shown) > 0 {
		first, last = attempts[shown[0]].Started, time.Time{}
		for _, i := range shown {
			last = later(last, end(&attempts[i]))
		}
	}
	whole := max(last.Sub(first), time.Microsecond)
	at := func(t time.Time) int {
		return int(min(max(float64(t.Sub(first))/float64(whole), 0), 1) * timeWidth)
	}
	t := &timeline{Whole: span(over.Sub(begun)), Grid: []int{timeWidth / 4, timeWidth / 2, timeWidth * 3 / 4}}
	for _, part := range []time.Duration{0, whole / 2, whole} {
		t.Marks = append(t.Marks, clockTime(first.Add(part), whole))
	}
	t.Critical = len(critical)
	var path time.Duration
	for i := range critical {
		path += end(&attempts[i]).Sub(attempts[i].Started)
	}
	t.Path = span(path)
	bands := s.bands(attempts, end, at)
	t.Bands = bands != nil
	head := ""
	for _, i := range shown {
		a := &attempts[i]
		r := timeRow{attemptView: s.viewAttempt(a), X: at(a.Started), Open: a.Finished.IsZero(), Critical: critical[i]}
		r.Width = max(at(end(a))-r.X, 4)
		r.X = min(r.X, timeWidth-r.Width)
		for _, tick := range s.news.ticks(a) {
			r.Ticks = append(r.Ticks, at(tick))
		}
		t.Ticks = t.Ticks || len(r.Ticks) > 0
		if key := s.bandOf(a); bands[key] != nil {
			r.Band = bands[key]
			if key != head && bands[key].Many {
				r.Head = key
			}
			head = key
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// clockTime is a time of day, as exact as the scale needs.
func clockTime(t time.Time, scale time.Duration) string {
	switch {
	case scale < 50*time.Millisecond:
		return t.UTC().Format("15:04:05.000000")
	case scale < 10*time.Second:
		return t.UTC().Format("15:04:05.000")
	case scale < 48*time.Hour:
		return t.UTC().Format("15:04:05")
	default:
		return t.UTC().Format("2006-01-02 15:04")
	}
}

// criticalPath is the chain of attempts that decided how long the run took, each of which began when
// the one before it had ended: that attempt of all that ended last, before it the one that ended
// last before that began, and so on. It goes by the times alone, so that it is also right where an
// op waited for a free worker.
func criticalPath(attempts []store.Attempt, end func(*store.Attempt) time.Time) map[int]bool {
	order := make([]int, len(attempts)) // by end
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return end(&attempts[a]).Compare(end(&attempts[b])) })
	path := map[int]bool{}
	for k := len(order) - 1; k >= 0; {
		i := order[k]
		path[i] = true
		for k--; k >= 0 && end(&attempts[order[k]]).After(attempts[i].Started); {
			k--
		}
	}
	return path
}

// bandOf is the wave of an attempt, in words; "" if it has none.
func (s *snapshot) bandOf(a *store.Attempt) string {
	if a.Direction == store.Rollback {
		return "Rollback"
	}
	if w, planned := s.wave[a.ID]; planned {
		return "Wave " + number(w+1)
	}
	return ""
}

// bands are the times of the waves, by their names. It is nil if there is one only, or if each
// attempt has a wave of its own, which says nothing.
func (s *snapshot) bands(attempts []store.Attempt, end func(*store.Attempt) time.Time, at func(time.Time) int) map[string]*band {
	type times struct {
		from, to time.Time
		n        int
	}
	of := map[string]*times{}
	var order []string
	for i := range attempts {
		a := &attempts[i]
		key := s.bandOf(a)
		if key == "" {
			continue
		}
		b := of[key]
		if b == nil {
			b = &times{from: a.Started, to: a.Started}
			of[key] = b
			order = append(order, key)
		}
		b.to = later(b.to, end(a))
		b.n++
	}
	if len(order) < 2 || len(order) == len(attempts) {
		return nil
	}
	bands := map[string]*band{}
	for i, key := range order {
		x := at(of[key].from)
		bands[key] = &band{X: x, Width: max(at(of[key].to)-x, 1), Odd: i%2 == 1, Many: of[key].n > 1}
	}
	return bands
}
