package seq

import (
	"github.com/sequencer-go/seq/store"
	"sync/atomic"
	"time"
)

// stepState is what a walk knows of a step. Whoever moved status to busy owns the rest. There may be
// a million of them.
type stepState struct {
	status  atomic.Uint32
	state   State
	failed  bool  // and was not allowed to
	stops   bool  // Do answers err
	plain   bool  // once its After have settled, only they can keep it from running
	attempt int32 // number of the forward attempt; 0: there was none
	retries int32
	took    time.Duration // the forward attempt
	after   []int         // of the step, which is not looked at on the way
	step    *Step
	entry   *store.Entry   // as the ledger had it when the plan was made; nil: it had nothing
	call    *Call          // that is under way, or has been claimed ahead
	untold  *store.Outcome // of an attempt that the ledger may take for open
	said    *remark        // nil: there is nothing to say
}

// remark is what there is to say of a step that did not simply succeed.
type remark struct {
	reason string
	err    error // of the last attempt, also if tolerated
}

func (s *stepState) say(reason string, err error) {
	s.said = nil
	if reason != "" || err != nil {
		s.said = &remark{reason, err}
	}
}

func (s *stepState) reason() string {
	if s.said == nil {
		return ""
	}
	return s.said.reason
}

func (s *stepState) err() error {
	if s.said == nil {
		return nil
	}
	return s.said.err
}

// known is what the ledger knew of the step, for reading.
func (s *stepState) known() *store.Entry {
	if s.entry == nil {
		return &unknown
	}
	return s.entry
}

var unknown store.Entry

const (
	idle uint32 = iota
	busy
	settled
	reserving // a claim for it is being written
	reserved  // it is claimed, and whoever had it claimed does it next
)

// simple reports whether nothing but what it waits for can keep a step from running.
func (s *stepState) simple() bool {
	e := s.known()
	return s.step.Skip == "" && s.step.NotBefore.IsZero() && s.step.Op.ShouldRun == nil &&
		e.State != Indeterminate && e.Crashes == 0 && doubt(s.step.Op, e) == nil
}

// answer is what Do answers for a step that has settled.
func (s *stepState) answer() error {
	if s.stops {
		return s.err()
	}
	return nil
}

// rest leaves a step as it was, not started.
func (s *stepState) rest(claimed bool) {
	if claimed {
		s.status.Store(reserved)
		return
	}
	s.status.Store(idle)
}

// satisfied reports whether what depends on the step may start.
func (s *stepState) satisfied() bool {
	return s.state == Succeeded || s.state == Skipped && s.reason() == conditionFalse
}
