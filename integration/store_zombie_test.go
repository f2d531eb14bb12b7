package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Whoever comes after a process that was cut off in an op's transaction waits for its end, which may
// take longer than a lease lasts. It must be able to renew its own meanwhile.
func TestWhoWaitsForAZombieKeepsTheLease(t *testing.T) {
	s := withEffects(t)
	zombie := takeLease(t, s)
	c := openAttempt(t, s, zombie, "op")
	_, err := s.Atomic(t.Context(), zombie, c, func(context.Context) (store.Batch, error) {
		if err := s.Release(t.Context(), zombie); err != nil { // as if it had expired
			t.Error(err)
		}
		next := takeLease(t, s)
		closed := make(chan error, 1)
		go func() {
			_, err := s.Write(t.Context(), next, store.Batch{Outcomes: []store.Outcome{{ID: "op", Token: c.Token, State: seq.Pending, Lost: true}}})
			closed <- err
		}()
		someoneWaits(t, s)
		soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := s.Renew(soon, next); err != nil {
			t.Errorf("renew while it waits: %v", err)
		}
		query(t, s, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'idle in transaction'`)
		if err := <-closed; err != nil {
			t.Errorf("close the attempt: %v", err)
		}
		return succeeded(c), nil
	})
	if err == nil {
		t.Error("the zombie committed")
	}
	seqtest.AssertState(t, s, "op", seq.Pending)
}

// someoneWaits waits until a statement waits for a lock.
func someoneWaits(t *testing.T, s *bunstore.Store) {
	t.Helper()
	for late := time.Now().Add(time.Minute); time.Now().Before(late); {
		n, err := s.DB().NewSelect().Table("pg_stat_activity").Where("datname = current_database() AND wait_event_type = 'Lock'").Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	t.Fatal("nobody waits")
}

// When an op has returned, its transaction is the store's, and may not idle for longer than a lease
// lasts: a process that vanishes in the commit holds up the next one no longer.
func TestATransactionIdlesNoLongerThanALeaseWhenItsOpHasReturned(t *testing.T) {
	s := ledger(t, pgtest.DSN(t), bunstore.LeaseTTL(7*time.Second))
	lease := takeLease(t, s)
	query(t, s, `CREATE TABLE limits (value text)`)
	query(t, s, `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO limits VALUES (current_setting('idle_in_transaction_session_timeout')); RETURN NULL; END $$`)
	query(t, s, `CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON seq_ops DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()`)
	for name, save := range map[string][]store.Snapshot{"in one statement": nil, "in several": {{Data: []byte("saved")}}} {
		t.Run(name, func(t *testing.T) {
			id := store.NewToken().String()
			c := openAttempt(t, s, lease, id)
			query(t, s, `DELETE FROM limits`)
			_, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
				b := succeeded(c)
				for _, one := range save {
					one.ID, one.Token = id, c.Token
					b.Saves = append(b.Saves, one)
				}
				return b, nil
			})
			var limit string
			if err == nil {
				err = s.DB().NewSelect().Table("limits").Column("value").Scan(t.Context(), &limit)
			}
			if err != nil || limit != "7s" {
				t.Errorf("it may idle for %q, %v; want 7s", limit, err)
			}
		})
	}
}
