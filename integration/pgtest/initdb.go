package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// script makes a cluster in $1 with the programs of $2 and runs it on a unix socket there until
// its standard input ends. That is when the server is stopped, and also when the test process
// dies of a panic or a kill, so no server is ever left behind.
const script = `
	set -e
	trap '' INT # a Ctrl-C is for the test process
	trap 'rm -rf "$1"' EXIT
	"$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >&2
	"$2/postgres" -D "$1/data" -k "$1" -c listen_addresses= >&2 &
	until "$2/pg_isready" -q -h "$1" -t 1; do kill -0 $!; sleep 0.1; done
	echo ready
	cat >/dev/null
	kill -INT $!
	wait $! || true
`

// fromInitdb makes a cluster of its own from the programs of an installed Postgres.
func fromInitdb() (*server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "seq-pg-")
	if err != nil {
		return nil, err
	}
	prefix, err := dropRoot(dir)
	if err != nil {
		_ = os.Remove(dir)
		return nil, err
	}
	args := slices.Concat(prefix, []string{"sh", "-c", script, "sh", dir, bin})
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...) // it ends with its input
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	var log bytes.Buffer // read only after Wait
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
		_ = os.Remove(dir)
		return nil, fmt.Errorf("%s: %w", bin, err)
	}
	stop := func() error {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%s: %w\n%s", bin, err, log.Bytes())
		}
		return nil
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start", bin), stop())
	}
	return &server{dsn: "postgres://postgres@/postgres?" + url.Values{"host": {dir}}.Encode(), stop: stop}, nil
}

// programs finds the folder of initdb and postgres: where PATH says, else the newest that Debian
// has installed.
func programs() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(initdb), nil
		}
	}
	var newest string
	var major int
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, initdb := range found {
		bin := filepath.Dir(initdb)
		if v, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))); v > major {
			newest, major = bin, v
		}
	}
	if newest == "" {
		return "", fmt.Errorf("initdb: %w", errUnavailable)
	}
	return newest, nil
}

// dropRoot hands dir to a user who is not root, whom Postgres refuses, and returns the command
// that runs another as that user. For anybody but root there is nothing to do.
func dropRoot(dir string) ([]string, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, fmt.Errorf("initdb as root: %w: %w", errUnavailable, err)
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("initdb as root: %w: %w", errUnavailable, err)
		}
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return []string{setpriv, "--reuid=" + who.Uid, "--regid=" + who.Gid, "--clear-groups"}, nil
}
