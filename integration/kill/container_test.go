package kill_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/sequencer-go/seq/integration/internal/lab"
)

// A place is a network of hosts, on each of which one replica runs, and a database.
type place struct {
	*lab.Lab
	grounds *grounds
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{Lab: lab.New(t)}
	p.grounds = &grounds{kind: "postgres", dsn: p.DSN, log: p.Database(t)}
	return p
}

// hosts are replicas in containers by the names that their hosts have.
type hosts struct{ lab.Hosts }

// start makes n replicas, each on a host of its own, and then starts them together.
func (p *place) start(ctx context.Context, o order, n int) (hosts, error) {
	o.DSN, o.Log = p.Inside(o.DSN), p.Inside(o.Log)
	text, err := json.Marshal(o)
	if err != nil {
		return hosts{}, err
	}
	all, err := p.Start(ctx, map[string]string{childEnv: string(text)}, n)
	return hosts{all}, err
}
