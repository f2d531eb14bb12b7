package console

import (
	"cmp"
	"slices"

	"github.com/sequencer-go/seq"
)

// sums are what the first page says of all ops together. They are made once for each snapshot, by
// going through the ops once: there may be a million.
type sums struct {
	looks     []looks // of each op
	count     map[looks]int
	attention []int // indices of the ops that a person should look at
	open      []int
	schedule  []int // the earliest first
	beside    []int // left to the background
	todo      int   // pending, and not by time
	waiting   int   // pending or to be rolled back, and not begun
	shows     map[string]int
	tags      map[string]int
	waves     int  // how many there are
	undoing   bool // some op is yet to be rolled back
}

func (s *snapshot) sum() *sums {
	u := &sums{
		looks: make([]looks, len(s.Ops)), count: map[looks]int{}, shows: map[string]int{}, tags: map[string]int{},
	}
	for i := range s.Ops {
		o := &s.Ops[i]
		l := s.looksOf(o)
		u.looks[i] = l
		u.count[l]++
		for j := range choices {
			if choices[j].takes(o) {
				u.shows[choices[j].Key]++
			}
		}
		for _, t := range o.Tags {
			u.tags[t]++
		}
		if attention(o) {
			u.attention = append(u.attention, i)
		}
		if o.Background && !o.State.Done() && o.Excluded == "" {
			u.beside = append(u.beside, i)
		}
		if o.State.Open() && !o.Background {
			u.open = append(u.open, i)
		}
		switch {
		case timed(o):
			u.schedule = append(u.schedule, i)
		case o.Need == seq.InBackground:
		case o.Pending():
			u.todo++
		}
		u.undoing = u.undoing || o.State == seq.RollbackPending
		if (o.State == seq.Pending || o.State == seq.RollbackPending) && o.Need != seq.InBackground {
			u.waiting++
		}
		if w, planned := s.wave[o.ID]; planned {
			u.waves = max(u.waves, w+1)
		}
	}
	slices.SortStableFunc(u.schedule, func(a, b int) int { return s.Ops[a].Due.Compare(s.Ops[b].Due) })
	return u
}

// looksOf is how an op is drawn.
func (s *snapshot) looksOf(o *seq.OpStatus) looks {
	if l, is := kept(o); is {
		return l
	}
	switch {
	case s.left(o):
		return interrupted
	case o.State.Open():
		if r, known := s.news.retry(o); known && r.at.After(s.Now) {
			return retrying
		}
	}
	return looksOfState(o.State)
}

// attention reports whether a person should look at the op.
func attention(o *seq.OpStatus) bool {
	switch o.State {
	case seq.Failed, seq.RollbackFailed, seq.Indeterminate:
		return true
	default:
		return o.Refused != ""
	}
}

// timed reports whether the op waits for its time.
func timed(o *seq.OpStatus) bool { return o.Pending() && !o.Due.IsZero() && !o.State.Open() }

// waveOf is the wave of an op, counted from 1; 0 if the code does not have it.
func (s *snapshot) waveOf(o *seq.OpStatus) int {
	if w, planned := s.wave[o.ID]; planned {
		return w + 1
	}
	return 0
}

// ranks is how many values settledRank has.
const ranks = 4

// settledRank is 0 for what people look for first.
func settledRank(l looks) int {
	switch l.Class {
	case "bad":
		return 0
	case "busy", "back", "warn":
		return 1
	case "idle", "time":
		return 2
	default:
		return ranks - 1
	}
}

// order sorts indices of ops as they would run, and what the code does not have behind the rest;
// if urgent is set, those first that somebody looks for. It is linear, because it is done for each
// search.
func (s *snapshot) order(list []int, urgent bool) {
	u := s.sums()
	last := u.waves + 1
	place := func(i int) int {
		w := s.waveOf(&s.Ops[i])
		if w == 0 {
			w = last
		}
		if urgent {
			w += settledRank(u.looks[i]) * (last + 1)
		}
		return w
	}
	if len(list) < 64 {
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(place(a), place(b)) })
		return
	}
	next := make([]int, (last+1)*ranks+1)
	for _, i := range list {
		next[place(i)+1]++
	}
	for p := range len(next) - 1 {
		next[p+1] += next[p]
	}
	sorted := make([]int, len(list))
	for _, i := range list {
		p := place(i)
		sorted[next[p]] = i
		next[p]++
	}
	copy(list, sorted)
}
