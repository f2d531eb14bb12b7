package seqtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq/store"
)

// TestStore holds a store to the contract of [store.Store]. open returns an empty ledger; it is
// called once for each rule.
func TestStore(t *testing.T, open func(tb testing.TB) store.Store) {
	for name, rule := range map[string]func(*ledger){
		"an empty ledger reads as empty":               (*ledger).empty,
		"a lease is held by one":                       (*ledger).oneHolder,
		"many acquire at once, one gets it":            (*ledger).race,
		"each acquisition has a larger epoch":          (*ledger).epochs,
		"a lease that was given back is lost":          (*ledger).released,
		"a claim opens an attempt":                     (*ledger).claims,
		"a claim needs the attempt it counted":         (*ledger).staleClaim,
		"a claim needs the current lease":              (*ledger).fencedClaim,
		"an outcome closes the attempt":                (*ledger).outcomes,
		"an outcome needs the token":                   (*ledger).foreignOutcome,
		"a true report is welcome without the lease":   (*ledger).lateOutcome,
		"a claim beside a true report needs the lease": (*ledger).lateOutcomeAndClaim,
		"a lost attempt needs a later epoch":           (*ledger).lost,
		"crashes are counted until an attempt reports": (*ledger).crashes,
		"what is refused does not stop the rest":       (*ledger).partial,
		"marks set what has no open attempt":           (*ledger).marks,
		"saved state is kept":                          (*ledger).saves,
		"history tells every attempt":                  (*ledger).history,
		"runs are told, the newest first":              (*ledger).runs,
		"runs that are not over are found":             (*ledger).unfinishedRuns,
		"atomic commits the batch with the work":       (*ledger).atomic,
		"atomic keeps nothing of work that failed":     (*ledger).atomicFails,
		"atomic refuses an attempt that is not open":   (*ledger).atomicFenced,
		"atomic commits though the context has ended":  (*ledger).atomicCancelled,
		"a batch may be large":                         (*ledger).large,
		"any error text can be stored":                 (*ledger).texts,
		"an ended context stops a write":               (*ledger).cancelled,
		"one claim of many at once wins":               (*ledger).claimRace,
		"the holder is told":                           (*ledger).holder,
		"a lease that was given back writes nothing":   (*ledger).givenBack,
		"headway needs the token":                      (*ledger).headway,
		"a checksum is kept":                           (*ledger).checksums,
		"the order of completion is kept":              (*ledger).places,
		"history keeps what each attempt was":          (*ledger).pastAttempts,
		"history outlives a mark":                      (*ledger).markedAttempts,
		"history is read in pages":                     (*ledger).pages,
		"the attempts of a run are listed":             (*ledger).runAttempts,
		"a run is looked up":                           (*ledger).lookup,
		"leases of other names are apart":              (*ledger).apart,
		"a name that no lease can have is refused":     (*ledger).badNames,
		"another lease cannot close an attempt":        (*ledger).otherLease,
		"an attempt lives as long as its life":         (*ledger).lives,
		"saved state belongs to its generation":        (*ledger).generations,
		"deaths count while nothing gets further":      (*ledger).further,
		"failures are counted in a generation":         (*ledger).failures,
		"an attempt may be withdrawn":                  (*ledger).withdrawn,
		"an attempt may be interrupted":                (*ledger).interrupted,
		"some entries may be selected":                 (*ledger).selected,
		"outcomes in company":                          (*ledger).outcomesInCompany,
		"lost outcomes in company":                     (*ledger).lostInCompany,
		"claims in company":                            (*ledger).claimsInCompany,
		"marks in company":                             (*ledger).marksInCompany,
		"saves and headway in company":                 (*ledger).savesInCompany,
		"atomic may leave the attempt open":            (*ledger).atomicOpen,
		"a ledger has an identity":                     (*ledger).identity,
		"prune removes what is over":                   (*ledger).prune,
		"prune leaves what something rests on":         (*ledger).pruneKeeps,
		"a request has the next number":                (*ledger).requests,
		"a cancel is final":                            (*ledger).cancels,
		"many ask at once, one is heard":               (*ledger).askRace,
		"a request that cannot be kept is refused":     (*ledger).badRequests,
		"any text of a request can be stored":          (*ledger).requestTexts,
		"an answer needs the current lease":            (*ledger).heard,
		"a note keeps its time":                        (*ledger).notes,
		"controls are listed":                          (*ledger).controls,
		"a hold keeps others from the lease":           (*ledger).holds,
		"a hold may end by itself":                     (*ledger).holdsUntil,
		"a lease that was revoked is lost":             (*ledger).revokes,
		"atomic tells what is asked of the op":         (*ledger).steered,
		"a checkpoint leaves the attempt open":         (*ledger).checkpoints,
		"checkpoints in company":                       (*ledger).checkpointsInCompany,
		"a checkpoint heeds its own lease only":        (*ledger).lanes,
		"headway has its time":                         (*ledger).moved,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			rule(&ledger{t: t, ctx: t.Context(), store: open(t)})
		})
	}
}

// ledger is one rule's view of a store.
type ledger struct {
	t     *testing.T
	ctx   context.Context
	store store.Store
	lease store.Lease
}

var owner = store.Owner{Host: "host", PID: 4711, Revision: "r1", Actor: "ann"}

func (l *ledger) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) acquire() store.Lease {
	l.t.Helper()
	lease, err := l.store.Acquire(l.ctx, store.RunLease, owner)
	l.must(err)
	l.lease = lease
	return lease
}

// next is the lease of whoever comes after.
func (l *ledger) next() store.Lease {
	l.t.Helper()
	l.must(l.store.Release(l.ctx, l.lease))
	return l.acquire()
}

func (l *ledger) write(b store.Batch, refused ...string) {
	l.t.Helper()
	got, err := l.store.Write(l.ctx, l.lease, b)
	l.must(err)
	if fmt.Sprint(got) != fmt.Sprint(refused) {
		l.t.Fatalf("refused %v, want %v", got, refused)
	}
}

func (l *ledger) claim(id string, attempt int) store.Claim {
	return store.Claim{
		ID: id, Token: store.NewToken(), Run: "run", Attempt: attempt, Generation: 1, Owner: owner, Delivery: store.Once,
	}
}

// claimed opens an attempt at a.
func (l *ledger) claimed(attempt int) store.Claim {
	l.t.Helper()
	c := l.claim("a", attempt)
	l.write(store.Batch{Claims: []store.Claim{c}})
	return c
}

func (l *ledger) want(id string, state store.State) store.Entry {
	l.t.Helper()
	e := entry(l.t, l.store, id)
	if e.State != state {
		l.t.Fatalf("%s is %s, want %s", id, e.State, state)
	}
	if state.Open() == e.Token.IsZero() {
		l.t.Fatalf("%s is %s with token %q", id, state, e.Token)
	}
	l.briefly()
	return e
}

// briefly holds what a store says in fewer words, if it does, to what it says at length.
func (l *ledger) briefly() {
	l.t.Helper()
	b, can := l.store.(store.Briefer)
	if !can {
		return
	}
	all, err := l.store.Load(l.ctx)
	l.must(err)
	var brief []store.Entry
	sagas, err := b.Brief(l.ctx, func(e store.Entry) { brief = append(brief, e) })
	l.must(err)
	if len(sagas) > 0 {
		l.t.Errorf("sagas %v", sagas)
	}
	for _, list := range [][]store.Entry{all, brief} {
		slices.SortFunc(list, func(a, b store.Entry) int { return strings.Compare(a.ID, b.ID) })
	}
	if len(all) != len(brief) {
		l.t.Fatalf("%d entries, and in brief %d", len(all), len(brief))
	}
	for i := range all {
		want, got := all[i], brief[i]
		if want.State.Done() {
			want = store.Entry{ID: want.ID, State: want.State, Checksum: want.Checksum}
			got = store.Entry{ID: got.ID, State: got.State, Checksum: got.Checksum}
		}
		if !reflect.DeepEqual(want, got) {
			l.t.Fatalf("in brief %+v, at length %+v", got, want)
		}
	}
}

// selected holds what a store says of some ops to what it says of all.
func (l *ledger) selected() {
	if some, err := store.SelectFrom(l.ctx, l.store, []string{"a"}); err != nil || len(some) > 0 {
		l.t.Fatalf("of a ledger that is not there: %+v, %v", some, err)
	}
	l.acquire()
	c := l.open("a", "b", "c", "it's")
	l.write(store.Batch{Outcomes: []store.Outcome{
		{ID: "a", Token: c["a"].Token, State: store.Succeeded, Saved: []byte("kept")}, {ID: "b", Token: c["b"].Token, State: store.Failed, Error: "why"},
	}})
	for _, ids := range [][]string{nil, {"missing"}, {"a"}, {"b", "it's"}, {"c", "missing", "a", "b"}} {
		some, err := store.SelectFrom(l.ctx, l.store, ids)
		l.must(err)
		known := 0
		for _, id := range ids {
			if id == "missing" {
				continue
			}
			known++
			i := slices.IndexFunc(some, func(e store.Entry) bool { return e.ID == id })
			if i < 0 || !reflect.DeepEqual(some[i], entry(l.t, l.store, id)) {
				l.t.Errorf("of %v: %+v", ids, some)
			}
		}
		if len(some) != known {
			l.t.Errorf("of %v: %d entries", ids, len(some))
		}
	}
}

func done(c store.Claim) store.Batch {
	return store.Batch{Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: store.Succeeded}}}
}
