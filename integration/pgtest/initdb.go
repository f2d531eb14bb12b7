package pgtest

import (
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
)

// cluster makes a cluster in $1 with the programs of $2 and runs it on a unix socket there.
const cluster = `
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
	dir, stop, err := script{name: bin, text: cluster}.start(bin)
	if err != nil {
		return nil, err
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
