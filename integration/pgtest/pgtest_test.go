package pgtest

import (
	"database/sql"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestEveryDSNIsADatabaseOfItsOwn(t *testing.T) {
	a, b := open(t, DSN(t)), open(t, DSN(t))
	for _, db := range []*sql.DB{a, b} { // the second would fail if the first were the same
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE mine (id int)"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADatabaseEndsWithItsTest(t *testing.T) {
	var dsn string
	t.Run("test", func(t *testing.T) {
		dsn = DSN(t)
		if err := open(t, dsn).PingContext(t.Context()); err != nil { // stays connected while it is dropped
			t.Fatal(err)
		}
	})
	if dsn == "" {
		t.Skip("no Postgres")
	}
	if err := open(t, dsn).PingContext(t.Context()); err == nil {
		t.Errorf("%s is still there", dsn)
	}
}

func TestWithDatabase(t *testing.T) {
	for _, tt := range []struct{ dsn, want string }{
		{"postgres://u:p%40@h:5433/old?sslmode=disable", "postgres://u:p%40@h:5433/new?sslmode=disable"},
		{"postgres:///?dbname=old&host=%2Ftmp", "postgres:///new?host=%2Ftmp"},
		{"host=/tmp dbname=old", "host=/tmp dbname=old dbname=new"},
	} {
		got, err := withDatabase(tt.dsn, "new")
		if err != nil || got != tt.want {
			t.Errorf("withDatabase(%q) = %q, %v; want %q", tt.dsn, got, err, tt.want)
		}
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
