package engine

import (
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// step is the state of one step of a walk. The goroutine that moved status from idle or reserved to busy owns
// the other fields until it stores settled; from then on anybody may read them. There may be a million
// steps, so what few of them need is behind a pointer.
type step struct {
	status    atomic.Uint32
	state     store.State
	failed    bool  // and was not allowed to
	stops     bool  // Do answers with its error
	satisfies bool  // it was skipped because the op itself found nothing to do: what depends on it may start
	adopted   bool  // an attempt at it was under way when its turn came, and was waited for
	plain     bool  // once its After have settled, only they can keep it from running
	declared  int32 // so many of after, the first, are what the op declared to depend on
	number    int32 // of the forward attempt; 0: there was none
	retries   int32
	took      time.Duration // the forward attempt
	after     []int
	plan      *plan.Step
	task      *Task
	entry     *store.Entry   // as the ledger had it when the plan was made; nil: it had nothing
	attempt   *attempt       // that is under way, or was claimed ahead
	pending   *store.Outcome // of an attempt that the ledger may take for open
	remark    *remark        // nil: there is nothing to say
}

// The states of a step on its way. A step goes from idle to busy to settled. One that another step
// claims ahead goes from idle to reserving to reserved, and then to busy; or back to idle.
const (
	idle uint32 = iota
	busy
	settled
	reserving // a claim for it is being written
	reserved  // it is claimed, and whoever had it claimed does it next
)

// remark is what there is to say of a step that did not simply succeed.
type remark struct {
	reason string
	err    error    // of the last attempt, also if tolerated
	log    []string // what the op wrote to its logger in the forward attempt, the last of it
}

func (s *step) say(reason string, err error) {
	log := s.log()
	s.remark = nil
	if reason != "" || err != nil || log != nil {
		s.remark = &remark{reason, err, log}
	}
}

func (s *step) keepLog(log []string) {
	if log != nil {
		s.remark = &remark{s.reason(), s.err(), log}
	}
}

func (s *step) log() []string {
	if s.remark == nil {
		return nil
	}
	return s.remark.log
}

func (s *step) reason() string {
	if s.remark == nil {
		return ""
	}
	return s.remark.reason
}

func (s *step) err() error {
	if s.remark == nil {
		return nil
	}
	return s.remark.err
}

// known is what the ledger knew of the step, for reading.
func (s *step) known() *store.Entry {
	if s.entry == nil {
		return &unknownEntry
	}
	return s.entry
}

var unknownEntry store.Entry

// isPlain reports whether nothing but what it waits for can keep a step from running.
func (s *step) isPlain(l limits) bool {
	e := s.known()
	return s.plan.Skip == "" && s.plan.NotBefore.IsZero() && !s.plan.Conditional &&
		e.State != store.Indeterminate && e.Crashes == 0 && l.refusal(s.task, e) == nil
}

// answer is what Do answers for a step that has settled.
func (s *step) answer() error {
	if s.stops {
		return s.err()
	}
	return nil
}

// giveBack undoes the move to busy of a step that was not started, so that a later Do can take it.
func (s *step) giveBack(claimed bool) {
	if claimed {
		s.status.Store(reserved)
		return
	}
	s.status.Store(idle)
}

// satisfied reports whether what depends on the step may start.
func (s *step) satisfied() bool { return s.state == store.Succeeded || s.waived() }

// waived reports whether the op itself said that it need not run: by its condition, or when it was called.
func (s *step) waived() bool { return s.state == store.Skipped && s.satisfies }

// deferOutcome keeps an outcome that the ledger may have to be told later.
func (s *step) deferOutcome(out store.Outcome) {
	if s.pending == nil {
		s.pending = &out
	}
}
