package bunstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// Every guard in the statements, and how it is broken. A question mark stays, for its argument.
var mutants = map[string][2]string{
	"a claim beside an open attempt":    {"o.token IS NULL AND o.attempt = excluded.attempt - 1", "o.attempt = excluded.attempt - 1"},
	"a claim of any attempt":            {"o.token IS NULL AND o.attempt = excluded.attempt - 1", "o.token IS NULL"},
	"a first claim of any attempt":      {"WHERE v_attempt = 1 OR EXISTS", "WHERE TRUE OR EXISTS"},
	"a claim keeps the place":           {"CASE WHEN excluded.state = ?running THEN 0 ELSE o.seq END", "o.seq"},
	"a rollback loses the place":        {"CASE WHEN excluded.state = ?running THEN 0 ELSE o.seq END", "0"},
	"a claim keeps the headway":         {"checksum = excluded.checksum, done = 0, total = 0,", "checksum = excluded.checksum,"},
	"a claim forgets the checksum":      {"fence = excluded.fence, checksum = excluded.checksum,", "fence = excluded.fence,"},
	"a claim without a fence":           {"token = excluded.token, fence = excluded.fence,", "token = excluded.token,"},
	"a mark beside an open attempt":     {"o.token IS NULL AND o.attempt = excluded.attempt\n", "o.attempt = excluded.attempt\n"},
	"a mark of any attempt":             {"o.token IS NULL AND o.attempt = excluded.attempt\n", "o.token IS NULL\n"},
	"a first mark of any attempt":       {"WHERE v_attempt = 0 OR EXISTS", "WHERE TRUE OR EXISTS"},
	"a mark forgets the place":          {"CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END", "excluded.seq"},
	"a mark sets no place":              {"CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END", "o.seq"},
	"a mark forgets the checksum":       {"CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END", "excluded.checksum"},
	"an outcome of any token":           {"o.token = v_token AND (NOT v_lost", "o.token IS NOT NULL AND (NOT v_lost"},
	"the dead of any epoch":             {"NOT v_lost OR o.fence < ?", "NOT v_lost OR o.fence < ? + 1000000000000000"},
	"the dead of this epoch":            {"NOT v_lost OR o.fence < ?", "NOT v_lost OR o.fence <= ?"},
	"the attempt stays open":            {"state = v_state, token = NULL,", "state = v_state,"},
	"an outcome forgets the place":      {"CASE WHEN v_seq = 0 THEN o.seq ELSE v_seq END", "v_seq"},
	"an outcome forgets what was saved": {"coalesce(CAST(v_saved AS ?blob), o.saved)", "CAST(v_saved AS ?blob)"},
	"crashes are not counted":           {"THEN o.crashes + 1 ELSE 0 END", "THEN o.crashes ELSE 0 END"},
	"crashes are never forgotten":       {"THEN o.crashes + 1 ELSE 0 END", "THEN o.crashes + 1 ELSE o.crashes END"},
	"all attempts are closed":           {"AND a.id = v_id AND a.number = v_number", "AND a.id = v_id AND a.number >= v_number - 1"},
	"attempts of all ops are closed":    {"a.ns = ?ns AND a.id = v_id AND a.number", "a.ns = ?ns AND a.number"},
	"a save of any token":               {"SET saved = CAST(v_saved AS ?blob)\n\tFROM v\n\tWHERE o.ns = ?ns AND o.id = v_id AND o.token = v_token", "SET saved = CAST(v_saved AS ?blob)\n\tFROM v\n\tWHERE o.ns = ?ns AND o.id = v_id"},
	"headway of any token":              {"total = v_total\n\tFROM v\n\tWHERE o.ns = ?ns AND o.id = v_id AND o.token = v_token", "total = v_total\n\tFROM v\n\tWHERE o.ns = ?ns AND o.id = v_id"},
	"no authority":                      {"SET epoch = epoch WHERE ns = ?ns AND epoch = ? AND holder = ?", "SET epoch = epoch WHERE ns = ?ns AND (TRUE OR epoch = ? AND holder = ?)"},
	"no authority behind the lock":      {"1 FROM ?leases WHERE ns = ?ns AND epoch = ? AND holder = ?", "1 FROM ?leases WHERE ns = ?ns AND (TRUE OR epoch = ? AND holder = ?)"},
	"authority of the epoch":            {"SET epoch = epoch WHERE ns = ?ns AND epoch = ? AND holder = ?", "SET epoch = epoch WHERE ns = ?ns AND epoch = ? AND (TRUE OR holder = ?)"},
	"a lease that is held is taken":     {"WHERE l.holder IS NULL OR l.expires IS NULL OR l.expires <= ?now", "WHERE TRUE"},
	"a lease that expired stays":        {" OR l.expires <= ?now", ""},
	"a lease that was freed stays":      {"l.holder IS NULL OR l.expires IS NULL OR l.expires <= ?now", "l.expires <= ?now"},
	"an epoch that stands still":        {"?greatest(l.epoch + 1, ?now)", "l.epoch"},
	"an epoch that follows the clock":   {"?greatest(l.epoch + 1, ?now)", "?now"},
	"anybody renews":                    {"expires = ?now + ?ttl WHERE ns = ?ns AND epoch = ? AND holder = ?", "expires = ?now + ?ttl WHERE ns = ?ns AND (TRUE OR epoch = ? AND holder = ?)"},
	"a renewal that does nothing":       {"SET expires = ?now + ?ttl WHERE", "SET expires = expires WHERE"},
	"anybody releases":                  {"expires = NULL WHERE ns = ?ns AND holder = ?", "expires = NULL WHERE ns = ?ns AND (TRUE OR holder = ?)"},
	"atomic with any token":             {"SET token = token WHERE ns = ?ns AND id = ? AND token = ?", "SET token = token WHERE ns = ?ns AND id = ? AND (TRUE OR token = ?)"},
	"a run that does not end":           {"epoch = excluded.epoch, finished = excluded.finished", "epoch = excluded.epoch"},
	"a run that keeps its state":        {"strategy = excluded.strategy, state = excluded.state,", "strategy = excluded.strategy,"},
	"runs in the order of their names":  {"SELECT coalesce(max(number), 0) + 1 FROM ?runs", "SELECT coalesce(max(number), 0) FROM ?runs"},
	"attempts in no order":              {"AND id = ? ORDER BY number", "AND id = ? ORDER BY number DESC"},
}

// onPostgres are the guards in the statements that only Postgres gets.
var onPostgres = map[string][2]string{
	"together: no authority":             {"AND epoch = ?epoch AND holder = ?holder AND ?same FOR SHARE", "AND (TRUE OR epoch = ?epoch AND holder = ?holder) AND ?same FOR SHARE"},
	"together: authority of the epoch":   {"AND epoch = ?epoch AND holder = ?holder AND ?same", "AND epoch = ?epoch AND (TRUE OR holder = ?holder) AND ?same"},
	"together: an outcome of any token":  {"o.id = v_id AND o.token = v_token AND ?same", "o.id = v_id AND o.token IS NOT NULL AND ?same"},
	"together: the dead of any epoch":    {"o.fence < ?epoch AND EXISTS", "EXISTS"},
	"together: the dead without a lease": {"o.fence < ?epoch AND EXISTS (SELECT 1 FROM lease)", "o.fence < ?epoch"},
	"together: the attempt stays open":   {"state = v_state, token = NULL, error = v_error,", "state = v_state, error = v_error,"},
	"together: all attempts are closed":  {"AND a.id = closed.id AND a.number = closed.attempt", "AND a.id = closed.id"},
	"together: a claim of any attempt":   {"o.token IS NULL AND o.attempt = excluded.attempt - 1\n\t\tRETURNING", "o.token IS NULL\n\t\tRETURNING"},
	"together: a claim beside another":   {"o.token IS NULL AND o.attempt = excluded.attempt - 1\n\t\tRETURNING", "o.attempt = excluded.attempt - 1\n\t\tRETURNING"},
	"together: a first claim of any":     {"k_attempt = 1 OR k_id IN", "TRUE OR k_id IN"},
	"together: a claim without a lease":  {"k_token, ?epoch, k_checksum FROM k, lease", "k_token, ?epoch, k_checksum FROM k"},
	"together: attempts of claims lost":  {"FROM k JOIN opened ON opened.id = k_id", "FROM k"},
	"atomic with any token, locked":      {"WHERE ns = ?ns AND id = ? AND token = ? FOR UPDATE", "WHERE ns = ?ns AND id = ? AND (TRUE OR token = ?) FOR UPDATE"},
}

// open opens a ledger of its own: on SQLite, or on the server that SEQ_TEST_MUTANTS_DSN names.
func open(tb testing.TB) *bunstore.Store {
	tb.Helper()
	var s *bunstore.Store
	var err error
	if dsn := os.Getenv("SEQ_TEST_MUTANTS_DSN"); dsn != "" {
		s, err = postgres.Open(dsn, bunstore.Prefix("m"+strings.ToLower(rand.Text())+"_"))
	} else {
		s, err = sqlite.Open(":memory:")
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// TestContract is what a mutant must not survive: the conformance suite, and what it cannot ask
// of a store that is not in a database.
func TestContract(t *testing.T) {
	if name := os.Getenv("SEQ_TEST_MUTANT"); name != "" {
		m, both := mutants[name]
		if !both {
			m = onPostgres[name]
		}
		bunstore.Mutate(m[0], m[1])
	}
	seqtest.TestStore(t, func(tb testing.TB) store.Store { return open(tb) })
	if os.Getenv("SEQ_TEST_MUTANTS_DSN") != "" {
		return // the rest looks into tables by their names
	}
	t.Run("leases expire", func(t *testing.T) {
		s := open(t)
		set := func(query string) {
			t.Helper()
			if _, err := s.DB().ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		acquire := func() store.Lease {
			t.Helper()
			lease, err := s.Acquire(t.Context(), store.RunLease, store.Owner{})
			if err != nil {
				t.Fatal(err)
			}
			return lease
		}
		first := acquire()
		set(`UPDATE seq_leases SET expires = 1`)
		if err := s.Renew(t.Context(), first); err != nil { // nobody has taken it
			t.Fatal(err)
		}
		if _, err := s.Acquire(t.Context(), store.RunLease, store.Owner{}); !errors.Is(err, store.ErrLeaseHeld) {
			t.Fatalf("after the renewal: %v", err)
		}
		set(`UPDATE seq_leases SET expires = 1, epoch = 9000000000000000`)
		if next := acquire(); next.Epoch != 9000000000000001 {
			t.Errorf("epoch %d after 9000000000000000", next.Epoch)
		}
	})
	t.Run("a lease is taken once", func(t *testing.T) {
		s := open(t)
		hook := &overtaken{by: bunstore.New(s.DB())}
		s = bunstore.New(s.DB().WithQueryHook(hook))
		var held *store.LeaseError
		if _, err := s.Acquire(t.Context(), store.RunLease, store.Owner{}); !errors.As(err, &held) || held.Holder.Host != "faster" {
			t.Errorf("got %v, want %v", err, store.ErrLeaseHeld)
		}
	})
}

// overtaken lets somebody else take the lease at the last moment.
type overtaken struct {
	once sync.Once
	by   *bunstore.Store
}

func (o *overtaken) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if strings.HasPrefix(event.Query, "INSERT") && strings.Contains(event.Query, "seq_leases") {
		first := false
		o.once.Do(func() { first = true })
		if first {
			_, _ = o.by.Acquire(ctx, store.RunLease, store.Owner{Host: "faster"})
		}
	}
	return ctx
}

func (o *overtaken) AfterQuery(context.Context, *bun.QueryEvent) {}

// TestNoMutantSurvives breaks one guard at a time, in a process of its own. Under the race detector,
// which has nothing to find here and takes its time, it does a quarter of them.
func TestNoMutantSurvives(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	names := slices.Sorted(maps.Keys(mutants))
	if os.Getenv("SEQ_TEST_MUTANTS_DSN") != "" {
		names = slices.Sorted(maps.Keys(onPostgres))
	}
	if underRace {
		for i := range len(names) / 4 {
			names[i] = names[4*i]
		}
		names = names[:len(names)/4]
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestContract$", "-test.failfast")
			cmd.Env = append(os.Environ(), "SEQ_TEST_MUTANT="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("it survived")
			}
			// It must be found out by what it does, not by a statement that cannot be run.
			if text := string(out); !strings.Contains(text, "--- FAIL: TestContract") || strings.Contains(text, "syntax error") {
				t.Errorf("%s", text)
			}
		})
	}
}
