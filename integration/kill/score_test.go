package kill_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq"
)

// score is what all tests of this process have measured.
var score = scores{counts: map[string]int{}, points: map[string]bool{}, times: map[string][]time.Duration{}}

type scores struct {
	persons, audits atomic.Int64

	mu     sync.Mutex
	counts map[string]int
	points map[string]bool // by kind of database and point
	times  map[string][]time.Duration
}

func (s *scores) count(what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what] += n
}

func (s *scores) took(what string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[what] = append(s.times[what], d)
}

func (s *scores) reached(kind, point string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points[kind+" "+point] = true
}

func (s *scores) has(kind, point string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.points[kind+" "+point]
}

// calls notes how often an op was done and undone in one generation.
func (s *scores) calls(op *seq.Op, did, undid int) {
	name := op.Delivery.String()
	if op.Verify != nil {
		name += " with Verify"
	}
	s.count("done: "+name, min(did, 1))
	s.count("done again: "+name, max(did-1, 0))
	s.count("undone: "+name, min(undid, 1))
	s.count("undone again: "+name, max(undid-1, 0))
}

// takeover notes how long after the death of one process the next one worked.
func (s *scores) takeover(how string, dead time.Time, next *process) {
	if next == nil || dead.IsZero() { // nobody died
		return
	}
	if at, ok := next.claimed(); ok {
		s.took("takeover after "+how, at.Sub(dead))
	}
}

func (s *scores) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "  %-44s %s\n", what, fmt.Sprintf(format, args...))
	}
	b.WriteString("\n")
	line("audits", "%d", s.audits.Load())
	line("points (of 2 databases)", "%d of %d", len(s.points), 2*len(everyPoint))
	line("findings of a person", "%d", s.persons.Load())
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		line(what, "%d", s.counts[what])
	}
	for _, what := range slices.Sorted(maps.Keys(s.times)) {
		t := slices.Sorted(slices.Values(s.times[what]))
		line(what, "p50 %s  p99 %s  max %s  (n=%d)", ms(t[len(t)/2]), ms(t[len(t)*99/100]), ms(t[len(t)-1]), len(t))
	}
	return b.String()
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
