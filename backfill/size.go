package backfill

import (
	"cmp"
	"slices"
	"time"
)

// A sizer finds the size at which a batch takes as long as it should: from the 90th percentile of what the
// last ten batches took, in steps between half and one and a half times the size. One that took five times
// too long halves the size at once.
type sizer struct {
	target      time.Duration
	least, most int64
	size        int64
	perRow      []float64 // of the last batches, the latest last, in nanoseconds
}

const (
	sampled   = 10  // batches
	slowest   = 0.9 // the percentile of them that counts
	shrink    = 0.5 // the smallest step
	grow      = 1.5 // the largest
	emergency = 5   // times the target
	someRows  = 0.5 // of the size, that a batch must have to be a sample: the last of a part has fewer
	firstSize = 500 // rows
	leastRows = 10  // rows
	mostRows  = 50_000
)

func sizerOf(size, least, most int64, target time.Duration) *sizer {
	s := &sizer{target: target, size: size, least: cmp.Or(least, min(leastRows, cmp.Or(size, leastRows), cmp.Or(most, leastRows)))}
	s.most = cmp.Or(most, max(mostRows, size, s.least))
	s.size = min(max(cmp.Or(size, firstSize), s.least), s.most)
	return s
}

// note notes how long a batch of so many rows took.
func (s *sizer) note(rows int64, took time.Duration) {
	rows = max(rows, 1)
	if took > emergency*s.target {
		s.perRow = s.perRow[:0]
		s.size = max(min(s.size, rows)/2, s.least)
		return
	}
	if float64(rows) < someRows*float64(s.size) {
		return
	}
	if len(s.perRow) == sampled {
		s.perRow = s.perRow[1:]
	}
	s.perRow = append(s.perRow, float64(took)/float64(rows))
	sorted := slices.Sorted(slices.Values(s.perRow))
	expected := sorted[int(float64(len(sorted)-1)*slowest+0.5)] * float64(s.size)
	step := grow
	if expected > 0 {
		step = min(max(float64(s.target)/expected, shrink), grow)
	}
	s.size = min(max(int64(float64(s.size)*step+0.5), s.least), s.most)
}
