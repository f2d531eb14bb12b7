package integration_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"

	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Sessions that forget what they were told, while several ops are at it: it costs each of them a second
// try, and not only the one that finds out first.
func TestSeveralSessionsForgetAtOnce(t *testing.T) {
	s := withEffects(t)
	const sessions = 8
	s.DB().SetMaxIdleConns(sessions)
	lease := takeLease(t, s)
	var before, after []store.Claim
	for i := range sessions {
		before = append(before, openAttempt(t, s, lease, "before_"+string(rune('a'+i))))
		after = append(after, openAttempt(t, s, lease, "after_"+string(rune('a'+i))))
	}
	atOnce(t, s, lease, before)
	var conns []*sql.Conn
	for range sessions {
		conn, err := s.DB().DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.ExecContext(t.Context(), `DEALLOCATE ALL`); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	atOnce(t, s, lease, after)
}

// atOnce does ops that are all in their transactions at the same time, so that each has a session.
func atOnce(t *testing.T, s *bunstore.Store, lease store.Lease, claims []store.Claim) {
	t.Helper()
	var here, ended sync.WaitGroup
	here.Add(len(claims))
	for _, c := range claims {
		ended.Go(func() {
			arrive := sync.OnceFunc(here.Done)
			defer arrive() // also if it fails
			refused, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
				arrive()
				here.Wait()
				return succeeded(c), nil
			})
			if err != nil || refused != nil {
				t.Errorf("%s: refused %v, %v", c.ID, refused, err)
			}
		})
	}
	ended.Wait()
}
