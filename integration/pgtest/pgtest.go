// Package pgtest gives every test an empty Postgres database of its own, on one server per test
// process.
//
// The server is the first of these that is there:
//
//   - the one that SEQ_TEST_POSTGRES_DSN names; its user must be allowed to create databases;
//   - a container, when a container engine answers and the image (SEQ_TEST_POSTGRES_IMAGE,
//     default postgres:17-alpine) is local or can be pulled;
//   - initdb and postgres, from PATH or from where Debian installs them, in a temporary folder.
//
// Without any, the test is skipped. SEQ_TEST_REQUIRE, a list with commas, makes that a failure:
// "postgres" asks for any of the three, "docker" for the container. [Pooled] puts a transaction pooler
// in front.
package pgtest

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// DSN returns the address, for pgx, of a new and empty database. It is dropped, whoever is still
// connected, when tb ends. DSN may be called from tests that run in parallel.
func DSN(tb testing.TB) string {
	tb.Helper()
	srv, err := running()
	switch {
	case errors.Is(err, errNoServer) && !Required("postgres") && !Required("docker"):
		tb.Skip(err)
	case err != nil:
		tb.Fatal(err)
	}
	dsn, drop, err := srv.createDatabase()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := drop(); err != nil {
			tb.Error(err)
		}
	})
	return dsn
}

// Main runs the tests of a package and then stops the server, if one was started. Call it from
// TestMain:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if err := stop(); err != nil {
		os.Stderr.WriteString("pgtest: " + err.Error() + "\n")
		code = max(code, 1)
	}
	os.Exit(code)
}

// Required reports whether SEQ_TEST_REQUIRE lists name.
func Required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("SEQ_TEST_REQUIRE"), ","), name)
}
