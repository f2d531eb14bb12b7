package integration_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// as is a dsn whose sessions have a role's rights.
func as(t *testing.T, dsn, role string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("role", role)
	u.RawQuery = q.Encode()
	return u.String()
}

// role makes a role, for as long as the test lasts.
func role(t *testing.T, s *bunstore.Store) string {
	t.Helper()
	name := "r" + strings.ToLower(rand.Text())
	query(t, s, `CREATE ROLE `+name)
	t.Cleanup(func() {
		_, _ = s.DB().Exec(`DROP OWNED BY ` + name)
		_, _ = s.DB().Exec(`DROP ROLE ` + name)
	})
	return name
}

func TestALedgerInASchemaOfItsOwn(t *testing.T) {
	dsn := pgtest.DSN(t)
	seqtest.TestStore(t, func(tb testing.TB) store.Store {
		return ledger(tb, dsn, bunstore.Schema("deploys"), bunstore.Namespace(rand.Text()))
	})
	s := ledger(t, dsn)
	var there, elsewhere int
	err := s.DB().NewRaw(`SELECT count(*) FILTER (WHERE table_schema = 'deploys'), count(*) FILTER (WHERE table_schema <> 'deploys')
		FROM information_schema.tables WHERE table_name LIKE 'seq\_%'`).Scan(t.Context(), &there, &elsewhere)
	if err != nil || there != 6 || elsewhere != 0 {
		t.Errorf("%d tables in the schema and %d elsewhere, %v; want 6 and none", there, elsewhere, err)
	}
}

func TestARoleThatMayNotCreate(t *testing.T) {
	dsn := pgtest.DSN(t)
	admin := ledger(t, dsn, bunstore.Schema("deploys"), bunstore.Namespace("admin"))
	query(t, admin, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	name := role(t, admin)
	for what, opts := range map[string][]bunstore.Option{"in a schema": {bunstore.Schema("deploys")}, "in the search path": nil} {
		s, err := postgres.Open(as(t, dsn, name), opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		_, err = s.Acquire(t.Context(), store.RunLease, holder)
		if !errors.Is(err, store.ErrSchemaMissing) || !strings.Contains(err.Error(), "seq schema") || !strings.Contains(err.Error(), "grant") {
			t.Errorf("%s: got %v", what, err)
		}
		if entries, err := s.Load(t.Context()); err == nil && len(entries) > 0 {
			t.Errorf("%s: %d entries", what, len(entries))
		}
	}

	// What is printed is what makes a ledger, and then rights to its rows are enough.
	for q := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(admin.DDL()), ";"), ";\n\n") {
		query(t, admin, q)
	}
	query(t, admin, `GRANT USAGE ON SCHEMA deploys TO `+name)
	query(t, admin, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA deploys TO `+name)
	query(t, admin, `GRANT USAGE ON ALL SEQUENCES IN SCHEMA deploys TO `+name)
	seqtest.TestStore(t, func(tb testing.TB) store.Store {
		s, err := postgres.Open(as(t, dsn, name), bunstore.Schema("deploys"), bunstore.Namespace(rand.Text()))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = s.Close() })
		return s
	})
}

// TestALedgerBehindTheCurrentSchemaIsAnothers: with a search_path of tenant, public the tables of public can be
// seen, and are not the tenant's, whatever characters its name has.
func TestALedgerBehindTheCurrentSchemaIsAnothers(t *testing.T) {
	dsn := pgtest.DSN(t)
	op := seq.Op{ID: "2024_01_15_120000_a", Run: func(context.Context) error { return nil }}
	public := ledger(t, dsn)
	if _, err := seq.New(public, op).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, public, `CREATE SCHEMA "Tenant-1"`)
	tenant := seq.New(ledger(t, with(dsn, "search_path", `"Tenant-1",public`)), op)
	for _, want := range []int{1, 0} {
		plan, err := tenant.Preview(t.Context())
		if err != nil || len(plan.Steps) != want {
			t.Fatalf("%d steps are left, want %d: %v", len(plan.Steps), want, err)
		}
		if _, err := tenant.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	query(t, public, `SELECT id FROM "Tenant-1".seq_ops`)
}
