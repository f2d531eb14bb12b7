package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/sequencer-go/seq/clock"
)

const memory = ":memory:"

// A connector makes the connections of one database, all with the same settings.
type connector struct {
	driver.Connector
	memory bool
	keep   driver.Conn // keeps a database in memory alive while the pool is empty
}

// newConnector checks what can be checked without opening the database.
func newConnector(path string) (*connector, error) {
	switch {
	case path == "":
		return nil, errNoPath
	case strings.HasPrefix(path, "file:"):
		return nil, errURI
	}
	// The first pragma is the first thing a connection does, and may already have to wait.
	settings := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)"},
		"_txlock": {"immediate"},
	}
	if path == memory {
		path = "/seq-" + rand.Text()
		settings.Set("vfs", "memdb")
		settings["_pragma"] = []string{"busy_timeout(60000)", "foreign_keys(ON)"}
		c, err := sqlite.NewConnector(uri(path, settings))
		return &connector{Connector: c, memory: true}, err
	}
	c, err := sqlite.NewConnector(uri(path, settings))
	return &connector{Connector: c}, err
}

// uri is the name of a file as SQLite wants it when there are settings.
func uri(path string, settings url.Values) string {
	path = filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" { // C:/x
		path = "/" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

// connectTimeout is how long a connection is tried for when other processes are in the way.
const connectTimeout = 10 * time.Second

// Connect implements [driver.Connector]. It tries again when several processes turn a new file
// to WAL at once, where SQLite does not wait for busy_timeout.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	wall := clock.Wall()
	for began := wall.Now(); ; {
		one, err := c.Connector.Connect(ctx)
		if err == nil {
			return remembering(one)
		}
		if !busy(err) || wall.Now().Sub(began) > connectTimeout {
			return nil, err
		}
		if clock.Sleep(ctx, wall, 10*time.Millisecond) != nil {
			return nil, err
		}
	}
}

func busy(err error) bool { return strings.Contains(err.Error(), "database is locked") }

// Close implements [io.Closer]: the pool calls it when it is closed.
func (c *connector) Close() error {
	if c.keep == nil {
		return nil
	}
	return c.keep.Close()
}
