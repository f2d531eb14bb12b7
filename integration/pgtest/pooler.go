package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Sessions is how many a pooler keeps of each database.
const Sessions = 3

// Pooled is DSN with a pgbouncer of its own in front, see [Through].
func Pooled(tb testing.TB) (dsn string) {
	tb.Helper()
	return Through(tb, DSN(tb))
}

// Through is the way to a database through a pgbouncer of its own. It lends a session for a transaction, the
// next one may be on another.
//
// Without the program the test is skipped, or fails if SEQ_TEST_REQUIRE lists "pgbouncer".
func Through(tb testing.TB, dsn string) (pooled string) {
	tb.Helper()
	pooled, stop, err := pool(dsn)
	switch {
	case errors.Is(err, errUnavailable) && !Required("pgbouncer"):
		tb.Skipf("no transaction pooler for this test (Debian: apt-get install pgbouncer): %v", err)
	case err != nil:
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Error(err)
		}
	})
	return pooled
}

// pooler runs the program $2 on a unix socket in $1. There is nothing to be saved of it.
const pooler = `
	set -e
	trap '' INT # a Ctrl-C is for the test process
	trap 'rm -rf "$1"' EXIT
	printf '%s\n' "$SEQ_TEST_INI" >"$1/pgbouncer.ini"
	"$2" -q "$1/pgbouncer.ini" >&2 &
	until [ -S "$1/.s.PGSQL.6432" ]; do kill -0 $!; sleep 0.1; done
	echo ready
	cat >/dev/null
	kill -KILL $!
	wait $! || true
`

// pool starts a pgbouncer in front of the database at dsn, and returns the way through it.
func pool(dsn string) (through string, stop func() error, err error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil { // not in everybody's PATH
			return "", nil, fmt.Errorf("%w: %w", errUnavailable, err)
		}
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", nil, err
	}
	to := fmt.Sprintf("host=%s port=%d dbname=%s user=%s", value(cfg.Host), cfg.Port, value(cfg.Database), value(cfg.User))
	if cfg.Password != "" {
		to += " password=" + value(cfg.Password)
	}
	ini := fmt.Sprintf(`[databases]
pooled = %s
[pgbouncer]
pool_mode = transaction
default_pool_size = %d
auth_type = any
listen_addr =
listen_port = 6432
unix_socket_dir = .
server_tls_sslmode = prefer`, to, Sessions)
	// The environment, not the arguments: there may be a password in it.
	dir, stop, err := script{name: bin, text: pooler, env: []string{"SEQ_TEST_INI=" + ini}}.start(bin)
	return "postgres://anybody@/pooled?" + url.Values{"host": {dir}, "port": {"6432"}}.Encode(), stop, err
}

// value is a text as pgbouncer's configuration wants it.
func value(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
