package seqtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about what is asked of ops and of leases, and what is answered.

// asks makes the next request of an ID, by ann and for a reason.
func (l *ledger) asks(id string, wanted store.Wanted) store.Control {
	l.t.Helper()
	before := l.control(id)
	l.must(l.store.Ask(l.ctx, store.Control{ID: id, Number: before.Number + 1, Wanted: wanted, Actor: owner.Actor, Reason: "because"}))
	c := l.control(id)
	if c.Number != before.Number+1 || c.Wanted != wanted || c.Asked.IsZero() {
		l.t.Fatalf("after request %d, %s: %+v", before.Number+1, wanted, c)
	}
	return c
}

func (l *ledger) control(id string) store.Control {
	l.t.Helper()
	c, err := l.store.Control(l.ctx, id)
	l.must(err)
	return c
}

// answers answers under the ledger's lease.
func (l *ledger) answers(id string, seen int64, note string) store.Control {
	l.t.Helper()
	l.must(l.store.Answer(l.ctx, l.lease, store.Answer{ID: id, Seen: seen, Note: note}))
	c := l.control(id)
	if c.Note != note {
		l.t.Fatalf("the note is %q, want %q", c.Note, note)
	}
	return c
}

func (l *ledger) requests() {
	if c := l.control("a"); c != (store.Control{ID: "a"}) {
		l.t.Fatalf("before the ledger exists: %+v", c)
	}
	if all, err := l.store.Controls(l.ctx); err != nil || len(all) > 0 {
		l.t.Fatalf("before the ledger exists: %+v, %v", all, err)
	}
	until := time.Date(2100, 1, 2, 3, 4, 5, 6_789_012, time.FixedZone("", 3600))
	first := store.Control{
		ID: "a", Number: 1, Wanted: store.WantPause, Size: 7, Rest: 1500*time.Millisecond - 1, Until: until, Actor: "bob", Reason: "why",
		Unknown: "x", Asked: until, Heard: 3, HeardAt: until, Note: "x", NotedAt: until, // these are not the caller's
	}
	l.must(l.store.Ask(l.ctx, first)) // also when it is the first that the ledger hears of anything
	got := l.control("a")
	asked := got.Asked
	got.Asked = time.Time{}
	want := store.Control{
		ID: "a", Number: 1, Wanted: store.WantPause, Size: 7, Rest: 1500 * time.Millisecond, Until: until.Truncate(time.Millisecond).UTC(), Actor: "bob", Reason: "why",
	}
	if got != want || asked.IsZero() {
		l.t.Fatalf("asked at %s\n%+v, want\n%+v", asked, got, want)
	}
	for _, number := range []int64{1, 3, 0, -1} {
		if err := l.store.Ask(l.ctx, store.Control{ID: "a", Number: number}); !errors.Is(err, store.ErrAsked) || !strings.Contains(err.Error(), "a") {
			l.t.Errorf("number %d after 1: %v, want %v", number, err, store.ErrAsked)
		}
	}
	for _, number := range []int64{2, 0, -1} {
		if err := l.store.Ask(l.ctx, store.Control{ID: "b", Number: number}); !errors.Is(err, store.ErrAsked) {
			l.t.Errorf("number %d after none: %v, want %v", number, err, store.ErrAsked)
		}
	}
	if c := l.control("b"); c != (store.Control{ID: "b"}) {
		l.t.Errorf("what was refused left %+v", c)
	}
	l.must(l.store.Ask(l.ctx, store.Control{ID: "a", Number: 2}))
	if got = l.control("a"); got.Number != 2 || got.Wanted != store.WantGo || got.Size != 0 || got.Rest != 0 || !got.Until.IsZero() || got.Actor != "" || got.Reason != "" || got.Asked.Before(asked) {
		l.t.Fatalf("the second request has %+v", got)
	}
	if id, err := l.store.Identity(l.ctx); err != nil || !id.IsZero() {
		l.t.Fatalf("before the first lease the identity is %q, %v", id, err)
	}
	if l.acquire().Identity.IsZero() {
		l.t.Fatal("the first lease has no identity")
	}
	l.want("a", store.Pending) // there is no entry of what was only asked for
}

func (l *ledger) cancels() {
	l.acquire()
	l.asks("a", store.WantPause)
	cancelled := l.asks("a", store.WantCancel)
	for _, wanted := range []store.Wanted{store.WantGo, store.WantPause, store.WantCancel} {
		for _, number := range []int64{1, 2, 3} {
			if err := l.store.Ask(l.ctx, store.Control{ID: "a", Number: number, Wanted: wanted}); !errors.Is(err, store.ErrAsked) {
				l.t.Errorf("%s, number %d: %v, want %v", wanted, number, err, store.ErrAsked)
			}
		}
	}
	if c := l.control("a"); c != cancelled {
		l.t.Errorf("it became %+v", c)
	}
	if c := l.answers("a", 2, "ended"); c.Heard != 2 || c.Wanted != store.WantCancel {
		l.t.Errorf("it can be answered: %+v", c)
	}
	l.asks("b", store.WantGo) // of another it says nothing
}

func (l *ledger) askRace() {
	for number := int64(1); number <= 3; number++ {
		var wg sync.WaitGroup
		won := make(chan string, 16)
		for i := range cap(won) {
			wg.Go(func() {
				actor := string(rune('a' + i))
				switch err := l.store.Ask(l.ctx, store.Control{ID: "a", Number: number, Wanted: store.WantPause, Actor: actor, Size: int64(i)}); {
				case err == nil:
					won <- actor
				case !errors.Is(err, store.ErrAsked):
					l.t.Errorf("Ask: %v", err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			l.t.Fatalf("%d of %d asked for number %d, want 1", len(won), cap(won), number)
		}
		if c, winner := l.control("a"), <-won; c.Actor != winner || c.Number != number || c.Size != int64(winner[0]-'a') {
			l.t.Fatalf("%s was told that it is, and the request is %+v", winner, c)
		}
	}
}

// raw reports whether a text has what a terminal would obey, or is none.
func raw(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
}

func (l *ledger) badRequests() {
	l.acquire()
	l.asks("a", store.WantPause)
	for what, bad := range map[string]store.Control{
		"no ID":                {Wanted: store.WantPause},
		"NUL in the ID":        {ID: "a\x00b"},
		"a blank in the ID":    {ID: "a b"},
		"no UTF-8 in the ID":   {ID: "a\xff"},
		"an ID of 201 bytes":   {ID: strings.Repeat("a", 201)},
		"an unknown request":   {ID: "b", Wanted: store.UnknownWanted},
		"a request of no kind": {ID: "b", Wanted: 77},
		"a negative size":      {ID: "b", Size: -1},
		"a negative rest":      {ID: "b", Rest: -1},
		"before 1970":          {ID: "b", Until: time.Unix(0, 0)},
		"after 9999":           {ID: "b", Until: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		bad.Number = 1
		if err := l.store.Ask(l.ctx, bad); !errors.Is(err, store.ErrUnknownValue) || raw(err.Error()) {
			l.t.Errorf("%s: %q, want %v", what, err, store.ErrUnknownValue)
		}
		if bad.ID == "b" {
			continue
		}
		if err := l.store.Answer(l.ctx, l.lease, store.Answer{ID: bad.ID, Note: "x"}); !errors.Is(err, store.ErrUnknownValue) {
			l.t.Errorf("an answer, %s: %v, want %v", what, err, store.ErrUnknownValue)
		}
	}
	if all, err := l.store.Controls(l.ctx); err != nil || len(all) != 1 || all[0].Number != 1 {
		l.t.Errorf("they left %+v, %v", all, err)
	}
	for _, name := range []string{"", "a b", "a\x00b"} {
		if err := l.store.Revoke(l.ctx, name); !errors.Is(err, store.ErrUnknownValue) {
			l.t.Errorf("Revoke %q: %v, want %v", name, err, store.ErrUnknownValue)
		}
	}
	long := strings.Repeat("a", 200)
	l.must(l.store.Ask(l.ctx, store.Control{ID: long, Number: 1}))
	if c := l.control(long); c.Number != 1 {
		l.t.Errorf("of an ID of 200 bytes: %+v", c)
	}
}

func (l *ledger) requestTexts() {
	l.acquire()
	for n, text := range []string{"it's \"quoted\" \\ ; -- ?", "a\x00b", "bad \xff utf-8", strings.Repeat("ü", 10_000), "$1 %s ?0 {} @id", "two\nlines"} {
		number, stored := int64(n+1), store.ErrorText(errors.New(text))
		l.must(l.store.Ask(l.ctx, store.Control{ID: "lane", Number: number, Wanted: store.WantHold, Actor: text, Reason: text}))
		l.must(l.store.Answer(l.ctx, l.lease, store.Answer{ID: "lane", Seen: number, Note: text}))
		c := l.control("lane")
		if c.Actor != stored || c.Reason != stored || c.Note != stored {
			l.t.Errorf("%q came back as %q, %q and %q", stored, c.Actor, c.Reason, c.Note)
		}
		before := c.NotedAt
		l.must(l.store.Answer(l.ctx, l.lease, store.Answer{ID: "lane", Note: text}))
		if c = l.control("lane"); !c.NotedAt.Equal(before) {
			l.t.Errorf("the same note again, %.20q, is from %s, and was from %s", text, c.NotedAt, before)
		}
		lease, err := l.store.Acquire(l.ctx, "lane", store.Owner{Host: "h", Actor: text}) // its actor is the same one
		l.must(err)
		l.must(l.store.Release(l.ctx, lease))
		var held *store.LeaseError
		if _, err := l.store.Acquire(l.ctx, "lane", store.Owner{Actor: "x"}); !errors.As(err, &held) || raw(held.Error()) {
			l.t.Errorf("another: %q", err)
		}
	}
}

func (l *ledger) heard() {
	if err := l.store.Answer(l.ctx, store.Lease{Name: store.RunLease, Epoch: 1, Holder: store.NewToken()}, store.Answer{ID: "a"}); !errors.Is(err, store.ErrLeaseLost) {
		l.t.Fatalf("before the ledger exists: %v, want %v", err, store.ErrLeaseLost)
	}
	old := l.acquire()
	lane := l.named("lane")
	l.asks("a", store.WantPause)
	l.asks("a", store.WantGo)
	if c := l.answers("a", 1, "n"); c.Heard != 1 || c.HeardAt.IsZero() || c.NotedAt.IsZero() || c.Number != 2 {
		l.t.Fatalf("after an answer: %+v", c)
	}
	l.must(l.store.Answer(l.ctx, lane, store.Answer{ID: "a", Seen: 1})) // whatever the name of the lease is
	heardAt := l.control("a").HeardAt
	l.later(heardAt)
	for _, seen := range []int64{1, 0, -1} {
		if c := l.answers("a", seen, ""); c.Heard != 1 || !c.HeardAt.Equal(heardAt) {
			l.t.Fatalf("an answer to %d after one to 1: %+v, want what was heard at %s", seen, c, heardAt)
		}
	}
	c := l.answers("a", 9, "") // that nobody has asked for yet
	if c.Heard != 2 || !c.HeardAt.After(heardAt) {
		l.t.Fatalf("an answer to what is not asked yet: %+v", c)
	}
	heardAt = c.HeardAt
	l.later(heardAt)
	if c = l.answers("a", 10, ""); c.Heard != 2 || !c.HeardAt.Equal(heardAt) {
		l.t.Fatalf("and again: %+v", c)
	}
	if c = l.asks("a", store.WantPause); c.Heard != 2 || !c.HeardAt.Equal(heardAt) {
		l.t.Fatalf("the next request changed what was heard: %+v", c)
	}
	l.next()
	for what, lease := range map[string]store.Lease{
		"lost": old, "of no name": {}, "forged": {Name: lane.Name, Epoch: lane.Epoch, Holder: old.Holder},
		"of another epoch": {Name: lane.Name, Epoch: lane.Epoch + 1, Holder: lane.Holder}, "of another name": {Name: store.RunLease, Epoch: lane.Epoch, Holder: lane.Holder},
	} {
		for _, id := range []string{"a", "new"} {
			if err := l.store.Answer(l.ctx, lease, store.Answer{ID: id, Seen: 3, Note: "late"}); !errors.Is(err, store.ErrLeaseLost) {
				l.t.Errorf("under a lease that is %s: %v, want %v", what, err, store.ErrLeaseLost)
			}
		}
	}
	if now := l.control("a"); now != c || l.control("new") != (store.Control{ID: "new"}) {
		l.t.Fatalf("it became %+v", now)
	}
}

// later answers for something else until the store's clock is past a time.
func (l *ledger) later(than time.Time) {
	l.t.Helper()
	for n := range 100_000 {
		if c := l.answers("else", 0, []string{"one", "two"}[n%2]); c.NotedAt.After(than) {
			return
		}
	}
	l.t.Fatalf("the clock stands still at %s", than)
}

func (l *ledger) notes() {
	l.acquire()
	if c := l.answers("a", 5, "window opens at 22:00"); c.Number != 0 || c.Wanted != store.WantGo || c.Heard != 0 || !c.HeardAt.IsZero() || !c.Asked.IsZero() || c.NotedAt.IsZero() {
		l.t.Fatalf("a note of what nothing was asked of: %+v", c)
	}
	if c := l.answers("a", 5, "window opens at 22:00"); c.Heard != 0 || !c.HeardAt.IsZero() {
		l.t.Fatalf("a second time: %+v", c)
	}
	noted := l.control("a").NotedAt
	l.later(noted)
	if c := l.answers("a", 0, "window opens at 22:00"); !c.NotedAt.Equal(noted) {
		l.t.Fatalf("the same note is from %s, and was from %s", c.NotedAt, noted)
	}
	if c := l.asks("a", store.WantPause); c.Number != 1 || c.Note != "window opens at 22:00" || !c.NotedAt.Equal(noted) {
		l.t.Fatalf("the first request after a note: %+v", c)
	}
	c := l.answers("a", 1, "")
	if !c.NotedAt.After(noted) {
		l.t.Fatalf("it moves since %s, and did not since %s", c.NotedAt, noted)
	}
	if c := l.answers("b", 0, ""); !c.NotedAt.IsZero() {
		l.t.Fatalf("there never was a note: %+v", c)
	}
}

func (l *ledger) controls() {
	l.acquire()
	for _, id := range []string{"b", "a", "run", "B", "a_2", "a.1", "2024_01_15_120000_x"} {
		l.asks(id, store.WantPause)
	}
	l.answers("c", 0, "note")
	all, err := l.store.Controls(l.ctx)
	l.must(err)
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
		if one := l.control(c.ID); one != c {
			l.t.Errorf("in the list %+v, alone %+v", c, one)
		}
	}
	if want := []string{"2024_01_15_120000_x", "B", "a", "a.1", "a_2", "b", "c", "run"}; !slices.Equal(ids, want) {
		l.t.Errorf("they are in the order %q, want %q", ids, want)
	}
	if c := l.control("missing"); c != (store.Control{ID: "missing"}) {
		l.t.Errorf("of what nothing was asked: %+v", c)
	}
	if entries, err := l.store.Load(l.ctx); err != nil || len(entries) > 0 {
		l.t.Errorf("they made entries: %+v, %v", entries, err)
	}
	ctx, cancel := context.WithCancel(l.ctx)
	cancel()
	_, err1 := l.store.Control(ctx, "a")
	_, err2 := l.store.Controls(ctx)
	for _, err := range []error{err1, err2, l.store.Ask(ctx, store.Control{ID: "a", Number: 2}), l.store.Answer(ctx, l.lease, store.Answer{ID: "a", Seen: 1}), l.store.Revoke(ctx, l.lease.Name)} {
		if err == nil {
			l.t.Error("a call with an ended context succeeded")
		}
	}
	if c := l.control("a"); c.Number != 1 || c.Heard != 0 {
		l.t.Errorf("and left %+v", c)
	}
	l.must(l.store.Renew(l.ctx, l.lease))
}

// heldBack wants the lease of runs to be kept from an owner, and answers with what he is told.
func (l *ledger) heldBack(who store.Owner) (told store.LeaseError) {
	l.t.Helper()
	_, err := l.store.Acquire(l.ctx, store.RunLease, who)
	var held *store.LeaseError
	if !errors.As(err, &held) || !errors.Is(err, store.ErrLeaseHeld) || held.Held == nil {
		l.t.Fatalf("%s may take it: %v, want a LeaseError of who holds it back", who, err)
	}
	return *held
}

func (l *ledger) holds() {
	bob := store.Owner{Host: "other", Actor: "bob"}
	for _, wanted := range []store.Wanted{store.WantHold, store.WantStop} {
		c := l.asks(store.RunLease, wanted)
		for _, who := range []store.Owner{bob, {Host: "nobody"}, {}} {
			held := l.heldBack(who)
			if *held.Held != c || held.Name != store.RunLease || held.Expires != 0 || !held.Since.Equal(c.Asked) {
				l.t.Fatalf("it is kept from %s by %+v, %+v; want %+v", who, held, held.Held, c)
			}
		}
		if held, err := l.store.Holder(l.ctx, store.RunLease); err != nil || held != nil {
			l.t.Fatalf("nobody holds it: %+v, %v", held, err)
		}
		other, err := l.store.Acquire(l.ctx, "run2", bob) // another name
		l.must(err)
		l.must(l.store.Release(l.ctx, other))
		lease := l.acquire() // by the one who asked
		l.must(l.store.Renew(l.ctx, lease))
		l.write(store.Batch{Marks: []store.Mark{{ID: "m", State: store.Skipped}}})
		var held *store.LeaseError
		if _, err := l.store.Acquire(l.ctx, store.RunLease, bob); !errors.As(err, &held) || held.Held != nil || held.Holder != owner {
			l.t.Fatalf("while its actor has it: %v", err)
		}
		l.must(l.store.Release(l.ctx, lease))
		_ = l.heldBack(bob)
	}
	// Who has it when it is asked for keeps it.
	l.asks(store.RunLease, store.WantGo)
	lease, err := l.store.Acquire(l.ctx, store.RunLease, bob)
	l.must(err)
	l.asks(store.RunLease, store.WantStop)
	l.must(l.store.Renew(l.ctx, lease))
	l.lease = lease
	l.claimed(1)
	l.must(l.store.Release(l.ctx, lease))
	_ = l.heldBack(bob)
	for _, wanted := range []store.Wanted{store.WantPause, store.WantGo} { // neither keeps anybody
		l.asks(store.RunLease, wanted)
		lease, err := l.store.Acquire(l.ctx, store.RunLease, bob)
		l.must(err)
		l.must(l.store.Release(l.ctx, lease))
	}
	l.must(l.store.Ask(l.ctx, store.Control{ID: store.RunLease, Number: l.control(store.RunLease).Number + 1, Wanted: store.WantHold}))
	_ = l.heldBack(store.Owner{}) // of nobody in particular: from all
	_ = l.heldBack(owner)
}

func (l *ledger) holdsUntil() {
	l.must(l.store.Release(l.ctx, l.acquire()))
	now := l.asks("clock", store.WantGo).Asked // the store's
	ask := func(wanted store.Wanted, until time.Time) {
		l.t.Helper()
		l.must(l.store.Ask(l.ctx, store.Control{ID: store.RunLease, Number: l.control(store.RunLease).Number + 1, Wanted: wanted, Until: until, Actor: "bob"}))
	}
	for _, wanted := range []store.Wanted{store.WantHold, store.WantStop} {
		ask(wanted, now.Add(time.Hour))
		if held := l.heldBack(owner); held.Expires <= 59*time.Minute || held.Expires > time.Hour || !held.Held.Until.Equal(now.Add(time.Hour).Truncate(time.Millisecond)) {
			l.t.Errorf("it ends in %s, at %s", held.Expires, held.Held.Until)
		}
		ask(wanted, now.Add(-time.Millisecond))
		l.must(l.store.Release(l.ctx, l.acquire()))
	}
}

func (l *ledger) revokes() {
	l.must(l.store.Revoke(l.ctx, store.RunLease)) // before the ledger exists
	old := l.acquire()
	lane := l.named("lane")
	c := l.claimed(1)
	l.must(l.store.Revoke(l.ctx, "nobody has it"[:6]))
	l.must(l.store.Revoke(l.ctx, store.RunLease))
	if held, err := l.store.Holder(l.ctx, store.RunLease); err != nil || held != nil {
		l.t.Fatalf("the holder is %+v, %v", held, err)
	}
	lost := func() {
		l.t.Helper()
		if err := l.store.Renew(l.ctx, old); !errors.Is(err, store.ErrLeaseLost) {
			l.t.Errorf("Renew: %v, want %v", err, store.ErrLeaseLost)
		}
		for what, b := range map[string]store.Batch{
			"claim": {Claims: []store.Claim{l.claim("b", 1)}}, "mark": {Marks: []store.Mark{{ID: "b", State: store.Skipped}}}, "run": {Run: &store.Run{ID: "r", Owner: owner}},
		} {
			if _, err := l.store.Write(l.ctx, old, b); !errors.Is(err, store.ErrLeaseLost) {
				l.t.Errorf("a %s: %v, want %v", what, err, store.ErrLeaseLost)
			}
		}
		if err := l.store.Answer(l.ctx, old, store.Answer{ID: "a"}); !errors.Is(err, store.ErrLeaseLost) {
			l.t.Errorf("an answer: %v, want %v", err, store.ErrLeaseLost)
		}
	}
	lost()
	l.must(l.store.Revoke(l.ctx, store.RunLease)) // again: nothing
	l.must(l.store.Release(l.ctx, old))
	l.must(l.store.Renew(l.ctx, lane)) // of another name
	next := l.acquire()
	if next.Epoch <= old.Epoch || next.Holder == old.Holder {
		l.t.Fatalf("%+v after %+v", next, old)
	}
	lost()
	l.must(l.store.Renew(l.ctx, next))
	l.want("a", store.Running)
	l.want("b", store.Pending)
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}})
	l.want("a", store.Pending)
}
