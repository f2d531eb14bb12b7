package backfill

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/store/bunstore"
)

// ReplicaLag is a gate on Postgres that is open while no standby that streams from the primary lags behind
// by more than most in what it has replayed. The role needs pg_monitor, or sees nothing and cannot tell. A
// standby that is not connected does not count.
func ReplicaLag(most time.Duration) Gate {
	g := Gate{Name: fmt.Sprintf("replica lag of at most %s", most), postgres: true}
	g.Ask = func(ctx context.Context, _ time.Time) (string, error) {
		var standbys, hidden int
		var lag sql.NullFloat64
		// What a role may not see of another's session is NULL; so is the lag of a standby that is idle.
		err := bunstore.DB(ctx).QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE state IS NULL), max(extract(epoch FROM replay_lag))::float8
	FROM pg_stat_replication`).Scan(&standbys, &hidden, &lag)
		switch {
		case err != nil:
			return "", err
		case hidden > 0:
			return "", fmt.Errorf("%d of %d standbys are hidden from this role, which needs pg_monitor", hidden, standbys)
		case lag.Float64 > most.Seconds():
			return fmt.Sprintf("a standby lags by %s", time.Duration(lag.Float64*float64(time.Second)).Round(time.Millisecond)), nil
		}
		return "", nil
	}
	if most <= 0 {
		g.Err = fmt.Errorf("ReplicaLag(%s): want a time above 0", most)
	}
	return g
}

// LockWaits is a gate on Postgres that is open while at most so many sessions of this database wait for
// locks.
func LockWaits(most int) Gate {
	g := Gate{Name: fmt.Sprintf("at most %d lock waits", most), postgres: true}
	g.Ask = func(ctx context.Context, _ time.Time) (string, error) {
		var waiting int
		err := bunstore.DB(ctx).QueryRowContext(ctx, `SELECT count(DISTINCT l.pid) FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
	WHERE NOT l.granted AND a.datname = current_database()`).Scan(&waiting)
		if err != nil || waiting <= most {
			return "", err
		}
		return fmt.Sprintf("%d sessions wait for locks", waiting), nil
	}
	if most < 0 {
		g.Err = fmt.Errorf("LockWaits(%d): want 0 or more", most)
	}
	return g
}
