package kill_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/sequencer-go/seq/integration/pgtest"
)

// A server is a Postgres of the tests' own: in memory, because a kill is no power failure and a
// busy disk would lose leases of a second, and one that may be restarted.
type server struct {
	dsn   string
	ask   func(string) error // writes a line to the script, and waits for its answer
	close func()
}

// script makes a cluster in $1 with the programs of $2, restarts it for each line of its input,
// and ends with that.
const script = `
	set -e
	trap '' INT TERM HUP # it ends with its input, so never before its parent
	trap '"$2/pg_ctl" -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || :; rm -rf "$1"' EXIT
	"$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >&2
	"$2/pg_ctl" -D "$1/data" -l "$1/log" -w -o "-k $1 -c listen_addresses= -c fsync=off -c autovacuum=off -c max_connections=300" start >&2
	echo ready
	while read -r line; do
		"$2/pg_ctl" -D "$1/data" -l "$1/log" -m immediate -w restart >&2
		echo ready
	done
`

var errNoPrograms = errors.New("no initdb here: install the Postgres server (Debian: apt-get install postgresql)")

func newServer() (*server, error) {
	initdb, err := exec.LookPath("initdb")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); err != nil && len(found) > 0 {
		initdb, err = found[len(found)-1], nil
	}
	if err != nil {
		return nil, errNoPrograms
	}
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/dev/shm", "seq-kill-pg-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "seq-kill-pg-"); err != nil {
			return nil, err
		}
	}
	prefix, err := dropRoot(dir)
	if err != nil {
		return nil, err
	}
	args := slices.Concat(prefix, []string{"sh", "-c", script, "sh", dir, filepath.Dir(initdb)})
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...) // it ends with its input
	cmd.Dir = dir
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	answers := bufio.NewScanner(out)
	s := &server{dsn: "postgres://postgres@/postgres?" + url.Values{"host": {dir}}.Encode()}
	s.close = func() { _ = in.Close(); _ = cmd.Wait() }
	s.ask = func(line string) error {
		if _, err := in.Write([]byte(line)); err != nil {
			return err
		}
		if !answers.Scan() {
			s.close()
			return fmt.Errorf("%s: %s", args, log.String())
		}
		return nil
	}
	return s, s.ask("")
}

// dropRoot hands dir to a user whom Postgres does not refuse, and returns what makes a command
// theirs.
func dropRoot(dir string) ([]string, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	return []string{"setpriv", "--reuid=" + who.Uid, "--regid=" + who.Gid, "--clear-groups"}, os.Chown(dir, uid, gid)
}

// database makes an empty one.
func (s *server) database(t *testing.T, name string) (dsn string) {
	t.Helper()
	admin, err := connect(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.DB().ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return with(s.dsn, "dbname", name) // wins over the path
}

// missing skips a test for want of something, or fails it if SEQ_TEST_REQUIRE lists that.
func missing(t *testing.T, what string, why error) {
	t.Helper()
	if pgtest.Required(what) {
		t.Fatal(why)
	}
	t.Skip(why)
}
