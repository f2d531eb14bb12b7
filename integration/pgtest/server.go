package pgtest

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// A server is a running Postgres.
type server struct {
	dsn  string       // of a user who may create databases
	stop func() error // nil for a server that is not ours
}

// errNoServer means that there is no Postgres to be had here, as opposed to one that is broken.
var errNoServer = errors.New("no Postgres for this test: set SEQ_TEST_POSTGRES_DSN, " +
	"or start a container engine, or install the server (Debian: apt-get install postgresql)")

// running returns the server of this process. The first call starts it.
var running = sync.OnceValues(start)

var stop = func() error { return nil }

func start() (*server, error) {
	sources := []func() (*server, error){fromEnv, fromContainer, fromInitdb}
	if Required("docker") {
		sources = sources[1:2]
	}
	var unavailable error
	for _, source := range sources {
		srv, err := source()
		switch {
		case errors.Is(err, errUnavailable):
			unavailable = errors.Join(unavailable, err)
		case err != nil:
			return nil, err
		default:
			if srv.stop != nil {
				stop = srv.stop
			}
			return srv, nil
		}
	}
	return nil, fmt.Errorf("%w\n%w", errNoServer, unavailable)
}

// errUnavailable is the error of a source that this machine does not have.
var errUnavailable = errors.New("not available")

func fromEnv() (*server, error) {
	dsn := os.Getenv("SEQ_TEST_POSTGRES_DSN")
	if dsn == "" {
		return nil, fmt.Errorf("SEQ_TEST_POSTGRES_DSN: %w", errUnavailable)
	}
	return &server{dsn: dsn}, nil
}
