package integration_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/postgres"
)

func TestStoreOnPostgres(t *testing.T) {
	seqtest.TestStore(t, func(tb testing.TB) store.Store {
		dsn := pgtest.DSN(tb)
		before := goleak.IgnoreCurrent()
		s, err := postgres.Open(dsn)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := s.Close(); err != nil {
				tb.Errorf("Close: %v", err)
			}
			goleak.VerifyNone(tb, before)
		})
		return s
	})
}

func TestOpenTellsNoSecret(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:hunter2@host:port/db", "postgres://user:hunter2%@host/db", "postgres://user:hun/ter2@host/db",
		"postgres://us er:hunter2@[::1/db", "password=hunter2 port=x", "password='hunter2", "hunter2", "host=h password = hunter2 x",
		"postgres://u@h/db?password=hunter2&sslmode=what", "postgres://u:p@ss:hunter2@host:x/db", "mysql://user:hunter2@host/db",
	} {
		s, err := postgres.Open(dsn)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was taken", dsn)
		} else if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "ter2") || !strings.Contains(err.Error(), "postgres.Open: the address") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
