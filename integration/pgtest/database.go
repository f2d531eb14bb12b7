package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// createDatabase makes a database under a name that nobody else has, so that processes can share
// a server.
func (s *server) createDatabase() (dsn string, drop func() error, err error) {
	name := "seq_test_" + strings.ToLower(rand.Text())
	if dsn, err = withDatabase(s.dsn, name); err != nil {
		return "", nil, err
	}
	if err := s.exec("CREATE DATABASE " + name); err != nil {
		return "", nil, err
	}
	return dsn, func() error { return s.exec("DROP DATABASE " + name + " WITH (FORCE)") }, nil
}

func (s *server) exec(query string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", s.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, query); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

// withDatabase returns dsn, in either of its two forms, with another database.
func withDatabase(dsn, name string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + name, nil // key=value: the last one wins
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("SEQ_TEST_POSTGRES_DSN: %w", err)
	}
	q := u.Query()
	q.Del("dbname") // would win over the path
	q.Del("database")
	u.Path, u.RawQuery = "/"+name, q.Encode()
	return u.String(), nil
}
