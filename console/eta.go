package console

import (
	"time"

	"github.com/sequencer-go/seq"
)

// etaAfter is how many ops a run must have settled, and etaElapsed for how long it must have gone
// on, before its pace says anything.
const (
	etaAfter   = 3
	etaElapsed = 2 * time.Second
)

// eta says when the current run will be over if it goes on like this, "" if there is no telling. What
// is left takes as long for each op as what is done took, and no less than the slowest op that tells
// its progress. Ops that run once have no earlier durations to go by.
func (s *snapshot) eta() string {
	left := s.remaining()
	if left <= 0 {
		return ""
	}
	return " About " + span(left.Round(time.Second)) + " left, until " + s.Now.Add(left).UTC().Format("15:04") + " UTC."
}

func (s *snapshot) remaining() time.Duration {
	r := s.current()
	if r == nil || s.Holder == nil || r.State == seq.RunWaiting {
		return 0
	}
	settled, left := 0, 0
	var slowest time.Duration
	for i := range s.Ops {
		o := &s.Ops[i]
		switch {
		case o.Need == seq.InBackground:
		case o.State.Open():
			left++
			slowest = max(slowest, s.leftOf(o))
		case r.State == seq.RunRollingBack:
			if o.State == seq.RollbackPending {
				left++
			} else if o.State == seq.RolledBack && o.Run == r.ID {
				settled++
			}
		case o.Run == r.ID && o.State != seq.Pending && o.State != seq.Scheduled:
			settled++
		case o.Pending() && !timed(o) && o.Refused == "" && o.State == seq.Pending:
			left++
		}
	}
	if total := s.news.total(r.ID); total > 0 && r.State == seq.RunStarted {
		left = min(left, total-settled) // the run may have chosen some only
	}
	elapsed := s.Now.Sub(r.Started)
	if settled < etaAfter || elapsed < etaElapsed {
		if left > 1 {
			return 0
		}
		return slowest
	}
	return max(time.Duration(float64(elapsed)/float64(settled)*float64(left)), slowest)
}

// leftOf is how long an op will take yet, going by the progress that it tells; 0 if it tells none.
func (s *snapshot) leftOf(o *seq.OpStatus) time.Duration {
	a, known := s.open[o.ID]
	elapsed := s.Now.Sub(a.Started)
	if !known || o.Total <= o.Done || o.Done <= 0 || elapsed <= etaElapsed {
		return 0
	}
	return time.Duration(float64(elapsed) / float64(o.Done) * float64(o.Total-o.Done))
}
