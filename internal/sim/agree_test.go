package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// TestStoresAgree makes the same random calls, of several owners under leases of several names and lives,
// on the ledger in memory and on real databases: all must refuse the same items with the same errors, and
// hold the same rows. What the engine does not do yet is done here: work beside a run, under another
// lease, or on a life. Tokens that are wrong, leases that were lost and attempts that were miscounted are
// among it.
func TestStoresAgree(t *testing.T) {
	databases := map[string]func(t *testing.T) (*bunstore.Store, error){
		"SQLite": func(t *testing.T) (*bunstore.Store, error) {
			return sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
		},
	}
	if dsn := os.Getenv("SEQ_TEST_POSTGRES_DSN"); dsn != "" {
		databases["Postgres"] = func(*testing.T) (*bunstore.Store, error) {
			return postgres.Open(dsn, bunstore.Namespace(rand.Text()))
		}
	}
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(agreeSeeds) {
				s, err := open(t)
				if err != nil {
					t.Fatal(err)
				}
				agree(t, seed, store.NewMemory(), s)
				_ = s.Close()
				if t.Failed() {
					return
				}
			}
		})
	}
}

// imported is the number that an import brings.
const imported = 1 << 40

const agreeSeeds = 100

// caller makes random calls, and knows what it was told.
type caller struct {
	t      *testing.T
	rng    *mathrand.Rand
	stores [2]store.Store
	leases map[string][][2]store.Lease // by name, all there ever were, on both
	claims []store.Claim
	log    []string
}

func agree(t *testing.T, seed uint64, a, b store.Store) {
	t.Helper()
	c := &caller{t: t, rng: mathrand.New(mathrand.NewPCG(seed, 7)), stores: [2]store.Store{a, b}, leases: map[string][][2]store.Lease{}}
	for range 120 {
		c.step()
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, strings.Join(c.log, "\n"))
			return
		}
	}
	c.rows()
	if t.Failed() {
		t.Logf("seed %d:\n%s", seed, strings.Join(c.log, "\n"))
	}
}

// both makes a call on both stores, which must answer the same.
func (c *caller) both(what string, call func(i int, s store.Store) string) {
	c.t.Helper()
	x, y := call(0, c.stores[0]), call(1, c.stores[1])
	c.log = append(c.log, what+": "+x)
	if x != y {
		c.t.Errorf("%s: %s in memory, %s in the database", what, x, y)
	}
}

func kindOf(err error) string {
	for _, kind := range []error{store.ErrLeaseHeld, store.ErrLeaseLost, store.ErrFenced} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

var leaseNames = []string{store.RunLease, "lane", "life:x", "life:y"}

func (c *caller) step() {
	ctx := context.Background()
	name := leaseNames[c.rng.IntN(len(leaseNames))]
	lease := func(i int) store.Lease {
		all := c.leases[name]
		if len(all) == 0 {
			return store.Lease{Name: name, Epoch: 1, Holder: store.Token{1}}
		}
		return all[len(all)-1][i]
	}
	if all := c.leases[name]; len(all) > 1 && c.rng.IntN(6) == 0 {
		old := all[c.rng.IntN(len(all))]
		lease = func(i int) store.Lease { return old[i] }
	}
	switch c.rng.IntN(10) {
	case 0, 1:
		var got [2]store.Lease
		c.both("acquire "+name, func(i int, s store.Store) string {
			var err error
			got[i], err = s.Acquire(ctx, name, store.Owner{Host: name})
			return kindOf(err)
		})
		if got[0].Epoch != 0 {
			c.leases[name] = append(c.leases[name], got)
		}
	case 2:
		c.both("release "+name, func(i int, s store.Store) string { return kindOf(s.Release(ctx, lease(i))) })
	case 3:
		c.both("renew "+name, func(i int, s store.Store) string { return kindOf(s.Renew(ctx, lease(i))) })
	case 4:
		claim, batch := c.someClaim(), c.batch()
		fails := c.rng.IntN(4) == 0
		c.both(fmt.Sprintf("atomic under %s for %s %+v", name, claim.ID, batch), func(i int, s store.Store) string {
			refused, err := s.Atomic(ctx, lease(i), claim, func(context.Context) (store.Batch, error) {
				if fails {
					return batch, errOp
				}
				return batch, nil
			})
			return fmt.Sprint(refused, kindOf(err))
		})
	default:
		batch := c.batch()
		c.both(fmt.Sprintf("write under %s %+v", name, batch), func(i int, s store.Store) string {
			refused, err := s.Write(ctx, lease(i), batch)
			return fmt.Sprint(refused, kindOf(err))
		})
	}
}

// someClaim is one that was made or tried, more likely one of the latest.
func (c *caller) someClaim() store.Claim {
	if n := len(c.claims); n > 0 {
		return c.claims[max(n-1-c.rng.IntN(8), 0)]
	}
	return store.Claim{ID: "a", Token: store.Token{2}}
}

// batch is a random one.
func (c *caller) batch() (b store.Batch) {
	entries, err := c.stores[0].Load(context.Background())
	if err != nil {
		c.t.Error(err)
	}
	attempt := func(id string) int {
		for i := range entries {
			if entries[i].ID == id {
				return entries[i].Attempt
			}
		}
		return 0
	}
	generation := func(id string) int {
		for i := range entries {
			if entries[i].ID == id {
				return entries[i].Generation
			}
		}
		return 0
	}
	off := func() int { return max(c.rng.IntN(8)-6, 0) } // mostly 0
	id := func() string { return string(rune('a' + c.rng.IntN(5))) }
	outcomes := []store.State{store.Succeeded, store.Succeeded, store.Failed, store.Tolerated, store.Indeterminate, store.Pending, store.RolledBack, store.RollbackFailed}
	for range c.rng.IntN(3) {
		k := c.someClaim()
		o := store.Outcome{ID: k.ID, Token: k.Token, State: outcomes[c.rng.IntN(len(outcomes))], Error: "e"}
		switch c.rng.IntN(8) {
		case 0, 1, 2:
			o.Lost = true
		case 3:
			o.Interrupted = true
		case 4:
			o.Withdrawn = true
		case 5:
			o.Permanent = true
		}
		if c.rng.IntN(4) == 0 {
			o.Saved = []byte{byte('0' + c.rng.IntN(3))}
		}
		b.Outcomes = append(b.Outcomes, o)
	}
	if c.rng.IntN(4) == 0 {
		k := c.someClaim()
		b.Saves = append(b.Saves, store.Snapshot{ID: k.ID, Token: k.Token, Data: []byte{byte('0' + c.rng.IntN(2))}})
	}
	if c.rng.IntN(4) == 0 {
		k := c.someClaim()
		b.Headway = append(b.Headway, store.Headway{ID: k.ID, Token: k.Token, Done: c.rng.Int64N(9), Total: 9})
	}
	if c.rng.IntN(4) == 0 {
		k := id()
		m := store.Mark{ID: k, Attempt: attempt(k) + off(), State: store.RollbackPending, Run: "marked", Reason: "m"}
		if c.rng.IntN(4) == 0 {
			m.Seq, m.State, m.Checksum = imported, store.Succeeded, "imported"
		}
		b.Marks = append(b.Marks, m)
	}
	for range c.rng.IntN(3) {
		k := store.Claim{ID: id(), Token: store.NewToken(), Run: fmt.Sprint("r", c.rng.IntN(3)), Delivery: store.Delivery(c.rng.IntN(3)), Checksum: "c"}
		k.Attempt, k.Generation = attempt(k.ID)+1+off(), generation(k.ID)+c.rng.IntN(2)
		k.Direction, k.Owner = store.Direction(c.rng.IntN(3)), store.Owner{Host: "h", PID: c.rng.IntN(3), Binary: "b"}
		if c.rng.IntN(3) == 0 {
			k.Life = leaseNames[2+c.rng.IntN(2)]
		}
		b.Claims, c.claims = append(b.Claims, k), append(c.claims, k)
	}
	if c.rng.IntN(6) == 0 {
		b.Run = &store.Run{ID: fmt.Sprint("r", c.rng.IntN(3)), State: store.RunState(c.rng.IntN(10)), Work: "w"}
	}
	return b
}

// rows compares all that both hold.
func (c *caller) rows() {
	c.t.Helper()
	ctx := context.Background()
	text := func(i int, s store.Store) string {
		entries, err := s.Load(ctx)
		if err != nil {
			return err.Error()
		}
		rank := func(name string, epoch int64) int {
			return slices.IndexFunc(c.leases[name], func(l [2]store.Lease) bool { return l[i].Epoch == epoch })
		}
		places, drawn := map[int64]int{}, 0
		for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b store.Entry) int { return cmp.Compare(a.Seq, b.Seq) }) {
			if e.Seq == imported {
				places[e.Seq] = -1
			} else if e.Seq != 0 {
				drawn++
				places[e.Seq] = drawn
			}
		}
		var b strings.Builder
		slices.SortFunc(entries, func(a, b store.Entry) int { return strings.Compare(a.ID, b.ID) })
		for _, e := range entries {
			fence := rank(e.Lease, e.Fence)
			e.Fence, e.Seq = int64(fence), int64(places[e.Seq])
			if !e.Moved.IsZero() {
				e.Moved = time.Unix(1, 0).UTC() // each has a clock of its own
			}
			if e.Saved != nil {
				e.Error += " saved " + string(e.Saved)
				e.Saved = nil
			}
			fmt.Fprintf(&b, "%+v\n", e)
			history, err := s.History(ctx, e.ID, store.Page{Limit: 1000})
			if err != nil {
				return err.Error()
			}
			for _, a := range history {
				fmt.Fprintf(&b, "\t%d %s %s %v %s %q %t%t%t%t\n", a.Number, a.Direction, a.Run, a.Owner, a.State, a.Error, a.Lost, a.Interrupted, a.Withdrawn, a.Permanent)
			}
		}
		for n := range 4 {
			attempts, err := s.RunAttempts(ctx, fmt.Sprint("r", n), store.Position{}, 1000)
			if err != nil {
				return err.Error()
			}
			fmt.Fprintf(&b, "r%d:", n)
			for _, a := range attempts {
				fmt.Fprintf(&b, " %s%d", a.ID, a.Number)
			}
			b.WriteByte('\n')
		}
		runs, err := s.Runs(ctx, store.Page{Limit: 100})
		if err != nil {
			return err.Error()
		}
		for _, r := range runs {
			fmt.Fprintf(&b, "run %d %s %s under %s %d %t\n", r.Number, r.ID, r.State, r.Lease, rank(r.Lease, r.Epoch), r.Finished.IsZero())
		}
		return b.String()
	}
	x, y := text(0, c.stores[0]), text(1, c.stores[1])
	if x != y {
		c.t.Errorf("in memory:\n%s\nin the database:\n%s", x, y)
	}
}
