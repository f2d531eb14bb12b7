package bench

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// away is how long a trip to the server takes, long enough for all else not to count.
const away = 5 * time.Millisecond

// slowWire is a connection on which each trip takes that long: pgx writes once a trip.
type slowWire struct{ net.Conn }

func (w slowWire) Write(b []byte) (int, error) {
	time.Sleep(away)
	return w.Conn.Write(b)
}

// far is Postgres behind slow wires, for all peers.
func far() product {
	p := products["postgres"]
	var known sync.Map
	p.empty = func(tb testing.TB) string {
		cfg, err := pgx.ParseConfig(pgtest.DSN(tb))
		if err != nil {
			tb.Fatal(err)
		}
		dial := cfg.DialFunc
		cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return slowWire{conn}, err
		}
		name := stdlib.RegisterConnConfig(cfg)
		tb.Cleanup(func() { stdlib.UnregisterConnConfig(name) })
		known.Store(name, cfg)
		return name
	}
	p.ledger = func(address string, opts ...bunstore.Option) (*bunstore.Store, error) {
		cfg, ok := known.Load(address)
		if !ok {
			return nil, fmt.Errorf("nobody has made %s", address)
		}
		return postgres.OpenConfig(cfg.(*pgx.ConnConfig), opts...), nil
	}
	return p
}

// BenchmarkFar is 100 steps in a database to which a trip takes five milliseconds: what counts is trips. It
// says the same on any machine.
func BenchmarkFar(b *testing.B) {
	const n = 100
	p := far()
	for _, who := range measured["postgres"] {
		b.Run("by="+who, func(b *testing.B) {
			perStep(b, n, func() func() error {
				address := p.empty(b)
				p.open(b, address)
				side := peers[who](b, p, address, n)
				return func() error { return side.up(b.Context()) }
			})
		})
	}
}
