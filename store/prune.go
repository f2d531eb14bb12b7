package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Prune implements [Maintainer].
func (m *Memory) Prune(ctx context.Context, keep Retention) (Pruned, error) {
	if err := m.enter(ctx); err != nil {
		return Pruned{}, err
	}
	defer m.mu.Unlock()
	limit, until := cmp.Or(max(keep.Limit, 0), 1000), m.clock.Now().Add(-keep.Age)
	underWay := map[string]bool{}
	for i := range m.runs {
		underWay[m.runs[i].ID] = !m.runs[i].State.Final()
	}
	var done Pruned
	for _, l := range m.lines {
		l.attempts = slices.DeleteFunc(l.attempts, func(a attempt) bool {
			if done.Attempts >= limit || !superseded(l, &a, until, underWay) {
				return false
			}
			done.Attempts++
			return true
		})
	}
	needed := m.neededRuns()
	m.runs = slices.DeleteFunc(m.runs, func(r Run) bool {
		old := r.State.Final() && r.Number <= m.started-int64(max(keep.Runs, 1)) && !r.Finished.After(until)
		if done.Runs >= limit || !old || needed[r.ID] {
			return false
		}
		done.Runs++
		return true
	})
	for name, h := range m.leases {
		ended := h.lease.Holder.IsZero() || !m.clock.Now().Before(h.expires)
		if done.Lives < limit && strings.HasPrefix(name, LifePrefix) && ended && !h.expires.After(until) {
			delete(m.leases, name)
			done.Lives++
		}
	}
	done.More = max(done.Attempts, done.Runs, done.Lives) >= limit
	return done, nil
}

// superseded reports whether nothing rests on an attempt any more. See [Retention].
func superseded(l *line, a *attempt, until time.Time, underWay map[string]bool) bool {
	done := l.State.Done()
	switch {
	case a.number == l.attempts[len(l.attempts)-1].number, a.finished.IsZero(), a.finished.After(until):
		return false
	case unsettled(l.State):
		return false
	case done:
		return !underWay[a.run]
	default:
		return a.run != l.Run && a.state != Indeterminate && !underWay[a.run]
	}
}

// unsettled reports whether an op is open, in doubt, or to be undone.
func unsettled(s State) bool {
	switch s {
	case Running, RollingBack, RollbackPending, RollbackFailed, Indeterminate, UnknownState:
		return true
	default:
		return false
	}
}

// neededRuns are the runs that an op names which is open, in doubt, or to be undone.
func (m *Memory) neededRuns() map[string]bool {
	needed := map[string]bool{}
	for _, l := range m.lines {
		if unsettled(l.State) {
			needed[l.Run] = true
		}
	}
	return needed
}
