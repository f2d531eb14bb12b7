package backfill

import (
	"time"

	"github.com/sequencer-go/seq"
)

// An estimator knows how fast a backfill is while it moves, from what was done in the last minute of moving
// time: the time it was held, as by a gate, does not count, and a pause ends the attempt.
type estimator struct {
	began   time.Time
	held    time.Duration
	samples []sample // the oldest first
}

type sample struct {
	moving time.Duration
	done   int64
}

const (
	estimateSpan = time.Minute     // of moving time that counts
	measureFor   = 5 * time.Second // of moving time, before it says anything
	sampleEvery  = time.Second
)

// hold leaves out a time.
func (e *estimator) hold(d time.Duration) { e.held += d }

// note notes how much is done at a time, and says how it gets on. over says that nothing is left.
func (e *estimator) note(now time.Time, done, total int64, over bool) (p seq.Pace) {
	if e.began.IsZero() {
		e.began = now
		e.samples = append(e.samples, sample{0, done})
	}
	moving := now.Sub(e.began) - e.held
	for len(e.samples) > 2 && moving-e.samples[1].moving >= estimateSpan {
		e.samples = e.samples[1:]
	}
	oldest := e.samples[0]
	if moving-e.samples[len(e.samples)-1].moving >= sampleEvery {
		e.samples = append(e.samples, sample{moving, done})
	}
	if span := moving - oldest.moving; span > 0 {
		p.Rate = float64(done-oldest.done) / span.Seconds()
	}
	switch {
	case over:
		p.Estimate = seq.EstimateDone
	case total <= 0:
		p.Estimate = seq.EstimateUnknown
	case moving < measureFor || p.Rate <= 0:
		p.Estimate = seq.EstimateMeasuring
	default:
		p.Estimate = seq.EstimateGood
		p.Remaining = time.Duration(float64(max(total-done, 0)) / p.Rate * float64(time.Second)).Round(time.Second)
	}
	return p
}
