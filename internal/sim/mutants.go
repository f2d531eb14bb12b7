package sim

import (
	"slices"
	"strings"

	"github.com/sequencer-go/seq/store"
)

// A Mutant is a mistake that a protocol like ours can make, and others have made. The real
// engine runs in a world that makes it; the invariants must notice.
type Mutant string

// The mutants: of the store's compare-and-set, of what the engine says to the store or hears from
// it, and of the parts around the engine.
const (
	None                Mutant = ""
	ClaimWithoutEpoch   Mutant = "claim without epoch check"
	ClaimWithoutAttempt Mutant = "claim and mark without attempt check"
	FinishByState       Mutant = "finish guarded by state only"
	RecoverUnguarded    Mutant = "recovery without guard"
	MarkBeforeRun       Mutant = "marked as done before the run"
	ClaimLater          Mutant = "claim not written ahead"
	SecondTransaction   Mutant = "record in a second transaction"
	BeginUnchecked      Mutant = "transaction without token check"
	SameToken           Mutant = "claim without random token"
	UnknownIsFailure    Mutant = "unknown commit treated as failure"
	LeaseForTheTaking   Mutant = "lease without expiry check"
	DecisionUnrecorded  Mutant = "rollback decision not recorded"
	DecisionUnseen      Mutant = "rollback decision not read"
	UndoForward         Mutant = "rollback in forward order"
	ForgetsTheDead      Mutant = "recovered attempt forgotten"
	RetriesOnce         Mutant = "retry of a once op"
	PoisonUnseen        Mutant = "crashes not counted"
	OnceFails           Mutant = "error of a once op called a failure"
	NoDependencies      Mutant = "dependencies ignored"
	FastClock           Mutant = "clock runs ahead"
	LosesOutcomes       Mutant = "outcome acknowledged and not written"
)

// The mutants of work in the background.
const (
	CheckpointUnchecked Mutant = "checkpoint without token check"
	CursorByOutcome     Mutant = "cursor written by the outcome"
	CursorApart         Mutant = "cursor in a second transaction"
	CursorOutlives      Mutant = "cursor outlives its generation"
	LaneFenced          Mutant = "attempt of a lane closed by a deploy"
	CrashesKept         Mutant = "crash count not reset by a checkpoint"
	PauseUnread         Mutant = "pause not read"
	CancelUndone        Mutant = "cancel undone by a later request"
	OldLaneFree         Mutant = "lane of the earlier name not taken"
	RunUnread           Mutant = "end of the dependency's run not waited for"
	HoldIgnored         Mutant = "hold ignored"
)

// BackgroundMutants are those of work in the background.
var BackgroundMutants = []Mutant{
	CheckpointUnchecked, CursorByOutcome, CursorApart, CursorOutlives, LaneFenced, CrashesKept, PauseUnread, CancelUndone,
	OldLaneFree, RunUnread, HoldIgnored,
}

// Mutants are all of them.
var Mutants = []Mutant{
	ClaimWithoutEpoch, ClaimWithoutAttempt, FinishByState, RecoverUnguarded, MarkBeforeRun, ClaimLater,
	SecondTransaction, BeginUnchecked, SameToken, UnknownIsFailure, LeaseForTheTaking, DecisionUnrecorded,
	DecisionUnseen, UndoForward, ForgetsTheDead, RetriesOnce, PoisonUnseen, NoDependencies,
	OnceFails, FastClock, LosesOutcomes,
}

// token is the one that the store is shown.
func (w *World) token(id string, t store.Token) store.Token {
	if w.is(SameToken) && !t.IsZero() {
		copy(t[:], "one token for all of an op's attempts "+id[len(id)-1:])
		t[15] = id[len(id)-1]
	}
	return t
}

// mutate is what a replica says instead of what the engine meant.
func (r *replica) mutate(b store.Batch) store.Batch {
	w := r.world
	b.Outcomes, b.Claims, b.Marks = slices.Clone(b.Outcomes), slices.Clone(b.Claims), slices.Clone(b.Marks)
	b.Saves, b.Headway = slices.Clone(b.Saves), slices.Clone(b.Headway)
	slices.SortFunc(b.Outcomes, func(a, b store.Outcome) int { return strings.Compare(a.ID, b.ID) }) // recovery has none
	switch w.mutant {
	case SameToken:
		for i := range b.Claims {
			b.Claims[i].Token = w.token(b.Claims[i].ID, b.Claims[i].Token)
		}
		for i := range b.Outcomes {
			b.Outcomes[i].Token = w.token(b.Outcomes[i].ID, b.Outcomes[i].Token)
		}
	case ClaimLater:
		b.Claims = nil
	case RecallUnwritten:
		if r.leads {
			unwritten(&b)
		}
	case LosesOutcomes:
		b.Outcomes = nil
	case CursorByOutcome:
		for i := range b.Outcomes {
			if o := &b.Outcomes[i]; !o.Lost && o.State != store.Succeeded && r.acked[o.ID] != nil {
				o.Saved = r.acked[o.ID]
			}
		}
	case OnceFails:
		for i := range b.Outcomes {
			o := &b.Outcomes[i]
			if op := r.op(o.ID); op != nil && op.delivery == store.Once && o.State == store.Indeterminate && !o.Lost {
				o.State = store.Failed
			}
		}
	}
	return b
}

// seen is an entry as the engine reads it.
func (w *World) seen(r *replica, e store.Entry) store.Entry {
	switch {
	case w.is(LaneFenced) && r.action != work && strings.HasPrefix(e.Lease, store.LanePrefix) && e.State.Open():
		e.Lease, e.Fence = store.RunLease, 0
	case w.is(DecisionUnseen) && e.State == store.RollbackPending:
		e.State = store.Failed
	case w.is(PoisonUnseen):
		e.Crashes = 0
	case w.is(UndoForward) && e.Seq > 0:
		e.Seq = 1<<40 - e.Seq
	case w.is(ClaimsHoldLease) && r.action == serve && e.State.Open(): // it does not look before it claims
		e.State, e.Token, e.Attempt = store.Pending, store.Token{}, e.Attempt-1
	}
	return e
}

// acknowledged notes the cursor of a checkpoint whose commit a replica was told of.
func (r *replica) acknowledged(b store.Batch) {
	if !r.world.background || len(b.Saves) == 0 {
		return
	}
	if r.acked == nil {
		r.acked = map[string][]byte{}
	}
	for _, s := range b.Saves {
		r.acked[s.ID] = s.Data
	}
}

// lane is the name of the lease that the store gives out instead of another.
func (r *replica) lane(name string) string {
	if r.world.is(OldLaneFree) && slices.ContainsFunc(r.ops, func(o *opSpec) bool { return o.formerly() != "" && name == store.LanePrefix+o.formerly() }) {
		return name + "/free"
	}
	return name
}

// leaseID tells the steps about one lease from those about another, in a world where a replica has several.
func (r *replica) leaseID(name string) string {
	switch {
	case !r.world.background && r.world.mail == nil:
		return ""
	case strings.HasPrefix(name, store.LifePrefix):
		return store.WorkerPrefix
	default:
		return name
	}
}
