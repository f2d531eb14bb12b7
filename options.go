package seq

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// A RunOption adjusts one call of a [Sequencer]. Each says which calls take it; any other call refuses
// it with an error that matches [ErrInvalidOption].
type RunOption struct {
	name  string
	calls call
	apply func(*choice)
}

// call is one of a sequencer's calls, or several.
type call uint16

const (
	runCall call = 1 << iota
	previewCall
	dueCall
	serveCall
	rollbackCall
	previewRollbackCall
	statusCall
	waitCall
	decideCall
	importCall
	workCall
	steerCall
	stopCall
	holdCall
)

var callNames = map[call]string{
	runCall: "Run", previewCall: "Preview", dueCall: "RunDue", serveCall: "Serve", rollbackCall: "Rollback",
	previewRollbackCall: "PreviewRollback", statusCall: "Status", waitCall: "Wait", decideCall: "a decision (Resolve, Skip, Retry)", importCall: "Import",
	workCall: "Work", steerCall: "a request (Pause, Resume, Cancel, Set, Release)", stopCall: "Stop", holdCall: "Hold",
}

const (
	runs      = runCall | dueCall | serveCall
	rollbacks = rollbackCall | previewRollbackCall
	writes    = runs | rollbackCall | decideCall | importCall | workCall
	asks      = steerCall | stopCall | holdCall
	leases    = runCall | dueCall | rollbackCall | decideCall | importCall
)

// choice is what the options of one call say together.
type choice struct {
	engine.Request
	last   *int
	from   *string
	parts  []Part
	dryRun bool

	atATime      *int
	until, force *time.Duration
}

// chosen is what options say to a call.
func chosen(opts []RunOption, to call) (*choice, error) {
	c := &choice{}
	for _, o := range opts {
		if o.apply == nil {
			return c, fmt.Errorf("%w: the zero RunOption", ErrInvalidOption)
		}
		if o.calls&to == 0 {
			return c, fmt.Errorf("%w: %s does not take %s", ErrInvalidOption, callNames[to], o.name)
		}
		o.apply(c)
	}
	if c.IfLeased > ledger.Fail {
		return c, fmt.Errorf("%w: Isolate(%d): want OrWait, OrReturn or OrFail", ErrInvalidOption, c.IfLeased)
	}
	if c.atATime != nil && *c.atATime < 1 {
		return c, fmt.Errorf("%w: AtATime(%d): want at least 1", ErrInvalidOption, *c.atATime)
	}
	if c.from != nil {
		at, name, err := ParseID(strings.TrimSuffix(*c.from, "_"))
		if err != nil {
			return c, fmt.Errorf("%w: From: %w", ErrInvalidOption, err)
		}
		c.From = &engine.From{ID: *c.from, At: at, Named: name != ""}
	}
	if c.last != nil {
		if *c.last < 1 {
			return c, fmt.Errorf("%w: Last(%d): want at least 1", ErrInvalidOption, *c.last)
		}
		if c.From != nil || c.Tags != nil || c.Only != nil {
			return c, fmt.Errorf("%w: Last chooses by itself; leave out From, Tags and Only", ErrInvalidOption)
		}
		c.Last = *c.last
	}
	if c.Run != "" && (c.last != nil || c.From != nil || c.Tags != nil || c.Only != nil) {
		return c, fmt.Errorf("%w: OfRun chooses by itself; leave out Last, From, Tags and Only", ErrInvalidOption)
	}
	return c, nil
}

// IfLeased says what a run does that finds the ledger's lease held by another process.
type IfLeased uint8

// What to do then.
const (
	OrWait   = IfLeased(ledger.Wait)   // wait until it is free, then do what is left; the default
	OrReturn = IfLeased(ledger.Return) // return at once, without error, in state [RunBusy]
	OrFail   = IfLeased(ledger.Fail)   // fail at once with a *[store.LeaseError]
)

// Isolate makes a choice for the case that another process is running: by default one process
// of the fleet runs, and the others wait for it and then find nothing to do. Runs never
// interleave, with or without this option; without it they wait. It is for Run, RunDue, Rollback, and
// what a person decides.
func Isolate(otherwise ...IfLeased) RunOption {
	return RunOption{"Isolate", leases, func(c *choice) {
		c.IfLeased = ledger.Wait
		for _, o := range otherwise {
			c.IfLeased = ledger.IfLeased(o)
		}
	}}
}

const selects = runs | previewCall | rollbacks | statusCall | waitCall | workCall

// From leaves out the ops that are older than a timestamp, as "2024_01_15_120000", or that
// stand before an ID. For Rollback it means: down to this one, it included. It is for every call that
// runs, undoes or shows ops.
func From(id string) RunOption {
	return RunOption{"From", selects, func(c *choice) { c.from = &id }}
}

// Tags leaves out the ops that have none of these tags; without any tag, all. It is for every call that
// runs, undoes or shows ops.
func Tags(tags ...string) RunOption {
	return RunOption{"Tags", selects, func(c *choice) { c.Tags = append(listed(c.Tags), tags...) }}
}

// Only leaves out the ops that are not named; without any name, all. A run of an op that depends on one
// that is neither done nor named is refused, see [WithDependencies]. It is for every call that runs,
// undoes or shows ops.
func Only(ids ...string) RunOption {
	return RunOption{"Only", selects, func(c *choice) { c.Only = append(listed(c.Only), ids...) }}
}

// WithDependencies also chooses what the ops depend on that were chosen by Only, Tags or From, as far as
// it is not done. It is for Run, Preview, RunDue and Serve.
func WithDependencies() RunOption {
	return RunOption{"WithDependencies", runs | previewCall, func(c *choice) { c.Dependencies = true }}
}

// listed makes a list that was asked for, though it may be empty, differ from none.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Repeat also runs ops that have succeeded before. It is for Run and Preview.
func Repeat() RunOption {
	return RunOption{"Repeat", runCall | previewCall, func(c *choice) { c.Repeat = true }}
}

// Last makes Rollback, or its preview, undo the n ops that completed last, whatever runs they belong
// to. n must be at least 1.
func Last(n int) RunOption { return RunOption{"Last", rollbacks, func(c *choice) { c.last = &n }} }

// OfRun makes Rollback, or its preview, undo what a run did, by its ID: also a saga that was interrupted.
func OfRun(id string) RunOption {
	return RunOption{"OfRun", rollbacks, func(c *choice) { c.Run = id }}
}

// RetryFailed makes Run try again what failed too often or for good, and what failed in another process
// while this one waited. It never touches an op in doubt. It is for Run and Preview.
func RetryFailed() RunOption {
	return RunOption{"RetryFailed", runCall | previewCall, func(c *choice) { c.RetryFailed = true }}
}

// Expect makes Run refuse when the plan is not the one whose plan.Plan.Hash was seen in a preview: the
// error matches [ErrPlanChanged], and nothing has run.
func Expect(hash string) RunOption {
	return RunOption{"Expect", runCall, func(c *choice) { c.Expect = hash }}
}

// Using replaces the strategy, or adds middleware, for this call alone. It is for Preview and for every
// call that writes.
func Using(parts ...Part) RunOption {
	return RunOption{"Using", writes | previewCall, func(c *choice) { c.parts = append(c.parts, parts...) }}
}

// By names the person who asks, for the ledger: see store.Owner. It is for every call that writes.
func By(actor string) RunOption {
	return RunOption{"By", writes | asks, func(c *choice) { c.Actor = actor }}
}

// Because says why, for the history of runs. It is for every call that writes.
func Because(reason string) RunOption {
	return RunOption{"Because", writes | asks, func(c *choice) { c.Reason = store.ErrorText(errors.New(reason)) }}
}

// DryRun makes Import only say what it would do. (For Run and Rollback there are Preview and
// PreviewRollback.)
func DryRun() RunOption {
	return RunOption{"DryRun", importCall, func(c *choice) { c.dryRun = true }}
}
