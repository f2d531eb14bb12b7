package seq

import (
	"context"
	"time"

	"github.com/sequencer-go/seq/plan"
)

// An Op is one unit of work that should take effect once. It is data: a nil or zero field is a
// capability that the op does not have. A sequencer only reads an Op, and its functions may be
// called from any goroutine.
type Op struct {
	// ID names the op for ever: a timestamp, then a name, as in
	// "2024_01_15_120000_migrate_users" or "20240115120000_migrate_users". See [ParseID].
	ID string
	// Kind is Operation, the zero value, or Migration.
	Kind Kind
	// Run does the work. It must not be nil. It should return soon after ctx ends.
	Run func(ctx context.Context) error

	// Rollback undoes a completed Run, and one whose outcome nobody knows because its process
	// died. It finds what Run saved with [Saved]. nil means that the op cannot be undone.
	Rollback func(ctx context.Context) error
	// RollbackOnFailure asks for Rollback also when Run itself returned an error, because that
	// error may leave half an effect behind. A Transactional op never needs it.
	RollbackOnFailure bool
	// DependsOn lists the IDs of operations or migrations that must have succeeded before this
	// one starts, in this run or in an earlier one.
	DependsOn []string
	// RenamedFrom lists the IDs that this op had in earlier releases, the oldest first: what the ledger
	// knows of one of them, it knows of this op, and DependsOn, Only and Resolve may still name them.
	// If the ledger knows several of them the op is refused, because then it may be a squash.
	RenamedFrom []string
	// Replaces lists ops that this one takes the place of, a squash. It is done when all of them are,
	// new when the ledger knows none of them, and refused when only some are done. They must not be
	// registered any more; DependsOn may still name them.
	Replaces []string
	// Alias is another name by which people know the op, where the ID does not say it: the name of a
	// migration's file, as in "000093_add_users". It is shown beside the ID, and DependsOn and Only
	// may use it. An ID comes first, and an alias of two ops is none. With an Alias and a Checksum the
	// op is a file whose version is its identity: see [Drift] for what that means.
	Alias string
	// AllowedToFail makes a failure of this op a note in the report: it neither fails the run
	// nor starts a rollback. Ops that depend on this one are skipped.
	AllowedToFail bool
	// MaxFailures bounds how many attempts at the op may fail in all; then no run calls it until Retry,
	// or [RetryFailed], says that it is mended. 0 means any number, and five for an op that is allowed
	// to fail: runs then leave it alone, and a start costs nothing for it.
	MaxFailures int
	// ExecuteAt says when the op is due, given the time of its first enrolment. It is asked
	// once; the answer is stored. A time in the past means now. See [NextAt]. If it fails when it
	// is due, the next Run takes it up again; RunDue and Serve do not.
	ExecuteAt func(now time.Time) time.Time
	// ShouldRun is asked just before the op would start. On false, or an error that is a [Skip], the op
	// is skipped, counts as
	// satisfied for what depends on it in this run, and is asked again by the next run.
	ShouldRun func(ctx context.Context) (bool, error)
	// Tags are the labels that [Tags] selects by.
	Tags []string
	// Checksum is that of the source the op was made from, such as a SQL file; "" means that it
	// has none. It is stored with each attempt, so that a change afterwards is noticed: see
	// [Drift].
	Checksum string
	// Delivery is what the op promises across crashes.
	Delivery Delivery
	// DeliveryNote is shown behind Delivery in a plan: under which condition it holds, or why the op
	// promises no more. It is for people.
	DeliveryNote string
	// Connections is how many connections to the ledger's database the op holds at a time, beside the
	// one that the ledger needs. A run over a pool that is too small for it is refused before anything
	// runs, with an error that matches [ErrPoolTooSmall]. 0 means that nothing is known of it.
	Connections int
	// Verify says whether the effect of a Run that nobody saw the end of is there. With it, an
	// attempt whose process died becomes knowledge instead of doubt. It only looks.
	Verify func(ctx context.Context) (applied bool, err error)
	// Inspect, if it is not nil, is asked each time the op is planned to be done, by Preview and by Run,
	// before anything runs: what depends on the database is known then, and not when the op is made.
	// Its error refuses the plan, as one that matches [ErrNotReady]. It must not write.
	Inspect func(ctx context.Context, on Inspection) (Details, error)
	// Retry says how often the op, or its Rollback, is called within one attempt until it succeeds. It
	// takes the place of the strategy's middleware.Retry, and stops where that does: at [Permanent] and
	// [Skip], at a panic, when the run is interrupted, and if the op is Once, at an error that is not
	// [NotApplied]. Each call of a Transactional op has a transaction of its own. The zero value leaves it
	// to the strategy.
	Retry Retry
	// Timeout bounds each call of Run and of Rollback on the sequencer's clock, in place of the
	// strategy's middleware.Timeout, of which it has the meaning: an op that does not heed its context is
	// waited for, and what it returns late without an error is a success. The error otherwise matches
	// middleware.ErrTimeout. 0 leaves it to the strategy.
	Timeout time.Duration
	// Environments lists those in which the op runs; none means in all of them. In any other it is
	// excluded when a run is planned: the plan names it with the reason, the ledger gets no row, and it
	// counts as satisfied for what depends on it. It needs [InEnvironment]: without it Run and Preview
	// refuse with [ErrNoEnvironment].
	Environments []string
	// Background lets the op work beside deploys: no Run takes it up, [Sequencer.Work] does, under a lease
	// of its own. It needs the Delivery [Resumable]. It starts when what it depends on is done, and the run
	// that did that is over; what depends on it is skipped until it is done, see [Needs].
	Background bool
	// Lane names the lease that a Background op works under, by default one of its own: ops with the same
	// Lane, as those that write the same table, never work at the same time, in whatever process. It has
	// letters, digits and . _ - in it, at most 100 of them.
	Lane string

	// Err is why the op cannot be used, from [FromType] or [Register]; Run and Preview report it before
	// anything runs.
	Err error
}

// Inspection is what an op's Inspect may look at: see [plan.Inspection].
type Inspection = plan.Inspection

// Details are what an op's Inspect finds: see [plan.Details].
type Details = plan.Details

// Promise is the op's Delivery with its DeliveryNote, for people; "" for one that is Repeatable and has
// no note.
func (o *Op) Promise() string {
	s := plan.Step{Delivery: o.Delivery, DeliveryNote: o.DeliveryNote}
	return s.Promise()
}
