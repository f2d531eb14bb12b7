package seq

import (
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"slices"
	"strings"
	"time"
)

// A RunOption adjusts one call of Run, Preview, Rollback or RunDue.
type RunOption func(*selection)

// Otherwise says what a run does that finds the ledger held by another one.
type Otherwise uint8

// What to do instead.
const (
	OrWait   Otherwise = iota // wait until it is free, then do what is left; the default
	OrReturn                  // return at once, without error, in state [RunBusy]
	OrFail                    // fail at once with a *[LeaseError]
)

// Isolate makes a choice for the case that another process is running: by default one process
// of the fleet runs, and the others wait for it and then find nothing to do. Runs never
// interleave, with or without this option; without it they wait.
func Isolate(otherwise ...Otherwise) RunOption {
	return func(s *selection) {
		s.otherwise = OrWait
		for _, o := range otherwise {
			s.otherwise = o
		}
	}
}

// From leaves out the ops that are older than a timestamp, as "2024_01_15_120000", or that
// stand before an ID. For Rollback it means: down to this one, it included.
func From(id string) RunOption {
	return func(s *selection) { s.from = &id }
}

// Repeat also runs ops that have succeeded before.
func Repeat() RunOption { return func(s *selection) { s.repeat = true } }

// Tags leaves out the ops that have none of these tags; without any tag, all.
func Tags(tags ...string) RunOption {
	return func(s *selection) { s.tags = append(named(s.tags), tags...) }
}

// Only leaves out the ops that are not named; without any name, all.
func Only(ids ...string) RunOption {
	return func(s *selection) { s.only = append(named(s.only), ids...) }
}

// Last makes Rollback undo the n ops that completed last, whatever runs they belong to.
func Last(n int) RunOption { return func(s *selection) { s.last = n } }

// Expect makes Run refuse when the plan is not the one whose [Plan.Hash] was seen in a preview: the
// error matches [ErrPlanChanged], and nothing has run.
func Expect(hash string) RunOption { return func(s *selection) { s.expect = hash } }

// By names the person who asks, for the ledger: see [Owner].
func By(actor string) RunOption { return func(s *selection) { s.actor = actor } }

// Because says why a person wants a Run or a Rollback, for the ledger: see [Run].
func Because(reason string) RunOption {
	return func(s *selection) { s.reason = store.ErrorText(errors.New(reason)) }
}

// named makes a list that was asked for, though it may be empty, differ from none.
func named(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Using replaces the strategy, or adds middleware, for this call alone.
func Using(parts ...Part) RunOption {
	return func(s *selection) { s.parts = append(s.parts, parts...) }
}

// selection is what the run options say together.
type selection struct {
	otherwise Otherwise
	from      *string
	fromAt    time.Time
	fromName  bool
	repeat    bool
	due       bool // only what the schedule holds and is due
	tags      []string
	only      []string
	parts     []Part
	last      int    // of Rollback: the ops that completed last
	expect    string // hash of the plan
	actor     string
	reason    string
	dry       bool
}

func selectionOf(opts []RunOption) (*selection, error) {
	s := &selection{}
	for _, o := range opts {
		if o != nil {
			o(s)
		}
	}
	if s.otherwise > OrFail {
		return s, fmt.Errorf("%w: Isolate(%d): want OrWait, OrReturn or OrFail", ErrInvalidOption, s.otherwise)
	}
	if s.last < 0 {
		return s, fmt.Errorf("%w: Last(%d): want at least 1", ErrInvalidOption, s.last)
	}
	if s.from != nil {
		at, name, err := ParseID(strings.TrimSuffix(*s.from, "_"))
		if err != nil {
			return s, fmt.Errorf("%w: From: %w", ErrInvalidOption, err)
		}
		s.fromAt, s.fromName = at, name != ""
	}
	return s, nil
}

// takes reports whether the options let an op through.
func (s *selection) takes(o *stamped) bool {
	if s.from != nil {
		if c := o.at.Compare(s.fromAt); c < 0 || c == 0 && s.fromName && o.op.ID < *s.from {
			return false
		}
	}
	if s.only != nil && !slices.Contains(s.only, o.op.ID) {
		return false
	}
	if s.tags == nil {
		return true
	}
	return slices.ContainsFunc(o.op.Tags, func(t string) bool { return slices.Contains(s.tags, t) })
}

// owner is who writes to the ledger.
func (s *selection) owner() store.Owner {
	o := store.ThisProcess()
	o.Actor = store.ErrorText(errors.New(s.actor))
	return o
}

// newRun is a run as the ledger will have it.
func (s *selection) newRun(strategy string) store.Run {
	return store.Run{ID: newRunID(), Strategy: strategy, Owner: s.owner(), Reason: s.reason}
}

// narrows reports whether an op was chosen at all.
func (s *selection) narrows() bool { return s.from != nil || s.tags != nil || s.only != nil }
