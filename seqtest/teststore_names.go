package seqtest

import (
	"errors"
	"strings"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about leases of several names, and lives.

// named takes the lease of a name, beside the one that the ledger holds.
func (l *ledger) named(name string) store.Lease {
	l.t.Helper()
	lease, err := l.store.Acquire(l.ctx, name, owner)
	l.must(err)
	return lease
}

func (l *ledger) apart() {
	run := l.acquire()
	lane := l.named("lane:a/b.c-d_E")
	if lane.Name != "lane:a/b.c-d_E" || run.Name != store.RunLease || lane.Holder == run.Holder {
		l.t.Fatalf("the leases are %+v and %+v", run, lane)
	}
	_, err := l.store.Acquire(l.ctx, lane.Name, owner)
	if held := (*store.LeaseError)(nil); !errors.As(err, &held) || held.Name != lane.Name {
		l.t.Fatalf("a second Acquire: %v, want a LeaseError that names it", err)
	}
	all, err := l.store.Leases(l.ctx)
	l.must(err)
	if len(all) != 2 || all[0].Name != lane.Name || all[1].Name != run.Name || all[0].Holder != owner || all[0].Expires <= 0 {
		l.t.Fatalf("the leases are %+v", all)
	}
	l.must(l.store.Release(l.ctx, run))
	l.must(l.store.Renew(l.ctx, lane))
	held, err := l.store.Holder(l.ctx, lane.Name)
	l.must(err)
	if held == nil || held.Name != lane.Name {
		l.t.Fatalf("the holder is %+v", held)
	}
	if held, err = l.store.Holder(l.ctx, run.Name); err != nil || held != nil {
		l.t.Fatalf("the holder of what was given back is %+v, %v", held, err)
	}
	if all, err = l.store.Leases(l.ctx); err != nil || len(all) != 1 {
		l.t.Fatalf("the leases are %+v, %v", all, err)
	}
	// A lease with the name of another, or the epoch of another, is nobody's.
	for _, forged := range []store.Lease{{Name: run.Name, Epoch: lane.Epoch, Holder: lane.Holder}, {Name: lane.Name, Epoch: lane.Epoch + 1, Holder: lane.Holder}} {
		_, err := l.store.Write(l.ctx, forged, store.Batch{Claims: []store.Claim{l.claim("a", 1)}})
		if !errors.Is(err, store.ErrLeaseLost) {
			l.t.Errorf("a claim under %+v: %v, want %v", forged, err, store.ErrLeaseLost)
		}
		if err := l.store.Renew(l.ctx, forged); !errors.Is(err, store.ErrLeaseLost) {
			l.t.Errorf("a renewal of %+v: %v, want %v", forged, err, store.ErrLeaseLost)
		}
		if forged.Name != lane.Name {
			l.must(l.store.Release(l.ctx, forged))
		}
	}
	if held, err = l.store.Holder(l.ctx, lane.Name); err != nil || held == nil {
		l.t.Fatalf("after another's Release the holder is %+v, %v", held, err)
	}
}

func (l *ledger) badNames() {
	for _, name := range []string{"", "a b", "it's", "a\x00b", "ü", "a?0", strings.Repeat("a", 201)} {
		if _, err := l.store.Acquire(l.ctx, name, owner); !errors.Is(err, store.ErrUnknownValue) {
			l.t.Errorf("%.20q: got %v, want %v", name, err, store.ErrUnknownValue)
		}
	}
	l.named(strings.Repeat("a", 200))
}

func (l *ledger) otherLease() {
	l.acquire()
	lane := l.named("lane")
	c := l.claim("a", 1)
	refused, err := l.store.Write(l.ctx, lane, store.Batch{Claims: []store.Claim{c}})
	if err != nil || len(refused) > 0 {
		l.t.Fatalf("refused %v, %v", refused, err)
	}
	if e := l.want("a", store.Running); e.Lease != "lane" || e.Fence != lane.Epoch {
		l.t.Fatalf("the entry is %+v", e)
	}
	gone := store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}}
	for range 3 {
		l.next() // of however many epochs
		l.write(gone, "a")
		l.write(store.Batch{Claims: []store.Claim{l.claim("a", 2)}}, "a")
		l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 1, State: store.Skipped}}}, "a")
	}
	l.must(l.store.Release(l.ctx, lane))
	l.write(gone, "a") // nobody has taken it, and this one is another
	lane = l.named("lane")
	if refused, err = l.store.Write(l.ctx, lane, gone); err != nil || len(refused) > 0 {
		l.t.Fatalf("by the next of its own lease: refused %v, %v", refused, err)
	}
	second := l.claim("a", 2) // nothing is open: whoever counts right may claim
	l.write(store.Batch{Claims: []store.Claim{second}})
	if e := l.want("a", store.Running); e.Lease != store.RunLease || e.Fence != l.lease.Epoch {
		l.t.Fatalf("the entry is %+v", e)
	}
	gone.Outcomes[0].Token = second.Token
	if refused, err = l.store.Write(l.ctx, lane, gone); err != nil || len(refused) != 1 {
		l.t.Fatalf("by the lease that had it before: refused %v, %v", refused, err)
	}
}

func (l *ledger) lives() {
	l.acquire()
	name := store.NewLife()
	life := l.named(name)
	mortal := func(attempt int) store.Claim {
		l.t.Helper()
		c := l.claim("a", attempt)
		c.Life = name
		l.write(store.Batch{Claims: []store.Claim{c}})
		return c
	}
	c := mortal(1)
	if e := l.want("a", store.Running); e.Life != name {
		l.t.Fatalf("the entry is %+v", e)
	}
	gone := func(c store.Claim) store.Batch {
		return store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}}
	}
	l.write(gone(c), "a")
	l.next()
	l.write(gone(c), "a") // the run was taken over, and its owner lives
	l.must(l.store.Renew(l.ctx, life))
	l.write(done(c))
	c = mortal(2)
	l.must(l.store.Release(l.ctx, life))
	other := l.named("lane")
	if refused, err := l.store.Write(l.ctx, other, gone(c)); err != nil || len(refused) != 1 {
		l.t.Fatalf("by another lease: refused %v, %v", refused, err)
	}
	l.write(gone(c)) // also by who holds the lease that it was claimed under
	if e := l.want("a", store.Pending); e.Crashes != 1 {
		l.t.Fatalf("the entry is %+v", e)
	}
	c = l.claim("a", 3) // a life that nobody ever had has ended
	c.Life = store.NewLife()
	l.write(store.Batch{Claims: []store.Claim{c}})
	l.write(gone(c))
	l.claimed(4)
	if e := l.want("a", store.Running); e.Life != "" {
		l.t.Fatalf("a claim without a life has that of the one before: %+v", e)
	}
}

func (l *ledger) identity() {
	before, err := l.store.Identity(l.ctx)
	l.must(err)
	first := l.acquire()
	now, err := l.store.Identity(l.ctx)
	l.must(err)
	if !before.IsZero() || now.IsZero() || first.Identity != now || l.named("lane").Identity != now {
		l.t.Fatalf("the identity was %q, is %q, and of the lease %q", before, now, first.Identity)
	}
	if l.next().Identity != now {
		l.t.Fatal("the next lease has another identity")
	}
	m, can := store.As[store.Maintainer](l.store)
	if !can {
		return
	}
	if _, err := m.RenewIdentity(l.ctx, first); !errors.Is(err, store.ErrLeaseLost) {
		l.t.Fatalf("without the lease: %v, want %v", err, store.ErrLeaseLost)
	}
	if _, err := m.RenewIdentity(l.ctx, l.lease); !errors.Is(err, store.ErrLeaseHeld) {
		l.t.Fatalf("beside another lease: %v, want %v", err, store.ErrLeaseHeld)
	}
	lane, err := l.store.Holder(l.ctx, "lane")
	l.must(err)
	if lane == nil {
		l.t.Fatal("nobody holds the other lease")
	}
}
