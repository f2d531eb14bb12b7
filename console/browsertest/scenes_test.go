package browsertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

var words = []string{
	"create accounts", "backfill plans", "warm price cache", "split addresses", "drop legacy tokens",
	"reindex invoices", "merge duplicate customers", "recompute balances", "import exchange rates", "rebuild search",
}

// scene is a deploy of n operations under a strategy, of which one has failed.
func scene(t *testing.T, n int, strategy seq.Strategy, adjust func(i int, o *seq.Op)) *seq.Sequencer {
	t.Helper()
	at := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
	ops := make([]seq.Op, n)
	for i := range ops {
		ops[i] = seq.Op{Run: nothing, ID: sceneID(at, i)}
		adjust(i, &ops[i])
	}
	s := seq.New(laidOut{store.NewMemory()}, ops...).Use(strategy)
	_, _ = s.Run(t.Context()) // some fail
	return s
}

func sceneID(at time.Time, i int) string {
	name := words[i%len(words)]
	if i >= len(words) {
		name += fmt.Sprintf(" %d", i/len(words)+1)
	}
	text := []rune(at.Add(time.Duration(i)*time.Second).Format("2006_01_02_150405_") + name)
	for j, r := range text {
		if r == ' ' {
			text[j] = '_'
		}
	}
	return string(text)
}

// laidOut is a ledger whose attempts take from half a second to a minute, so that pictures of them
// look the same each time.
type laidOut struct{ store.Store }

var begun = time.Date(2026, 3, 2, 21, 14, 5, 0, time.UTC)

func (l laidOut) History(ctx context.Context, id string, page store.Page) ([]store.Attempt, error) {
	list, err := l.Store.History(ctx, id, page)
	return layOut(list), err
}

func (l laidOut) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	list, err := l.Store.RunAttempts(ctx, run, after, limit)
	return layOut(list), err
}

func layOut(list []store.Attempt) []store.Attempt {
	for j := range list {
		a := &list[j]
		at, _, _ := seq.ParseID(a.ID)
		i := int(at.Sub(time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)).Seconds())
		long := time.Duration(2000+i*i*731%9000+a.Number*500) * time.Millisecond
		a.Started = begun.Add(time.Duration(i/3*7000+i%3*800) * time.Millisecond)
		if a.Direction == store.Rollback {
			a.Started = begun.Add(time.Minute + time.Duration(20-i)*2*time.Second)
			long = 1700 * time.Millisecond
		}
		a.Finished = a.Started.Add(long)
	}
	return list
}

func (l laidOut) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	runs, err := l.Store.Runs(ctx, page)
	for i := range runs {
		runs[i].Started, runs[i].Finished = begun, begun.Add(102*time.Second)
		runs[i].Owner = store.Owner{Host: "web-7f9c", PID: 1, Revision: "4be19c07d2aa", Actor: "ada"}
	}
	return runs, err
}

var scenes = map[string]func(t *testing.T) *seq.Sequencer{
	"batch": func(t *testing.T) *seq.Sequencer {
		return scene(t, 14, strategies.Batch(), func(i int, o *seq.Op) {
			if i < 6 {
				o.Kind = seq.Migration
			}
			if i == 9 {
				o.Run = no
			}
		})
	},
	"batch60": func(t *testing.T) *seq.Sequencer {
		return scene(t, 60, strategies.Batch(), func(i int, o *seq.Op) {
			if i < 30 {
				o.Kind = seq.Migration
			}
			if i == 40 {
				o.Run = no
			}
		})
	},
	"graph8": func(t *testing.T) *seq.Sequencer {
		deps := map[int][]int{2: {0}, 3: {0, 1}, 4: {0}, 5: {2, 3}, 6: {1}, 7: {5, 0}}
		return scene(t, 8, strategies.DependencyGraph(strategies.Limit(2)), func(i int, o *seq.Op) {
			for _, j := range deps[i] {
				o.DependsOn = append(o.DependsOn, sceneID(time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC), j))
			}
			if i == 3 {
				o.Run = no
			}
		})
	},
	"graph60":  func(t *testing.T) *seq.Sequencer { return graphScene(t, 60, 10) },
	"graph500": func(t *testing.T) *seq.Sequencer { return graphScene(t, 500, 60) },
	"saga": func(t *testing.T) *seq.Sequencer {
		return scene(t, 9, strategies.TransactionalBatch(strategies.Limit(1)), func(i int, o *seq.Op) {
			if i < 3 {
				o.Kind = seq.Migration
			}
			o.Rollback = nothing
			switch i {
			case 1:
				o.Rollback = nil
			case 4:
				o.Rollback = no
			case 7:
				o.Run = no
			}
		})
	},
	"repeated": func(t *testing.T) *seq.Sequencer {
		s := scene(t, 12, strategies.Sequential(), func(i int, o *seq.Op) {
			o.Tags = []string{words[i%3], "all"}
			if i == 7 {
				o.Run = no
			}
		})
		for range 12 {
			_, _ = s.Run(t.Context(), seq.Repeat())
		}
		return s
	},
	"live": func(t *testing.T) *seq.Sequencer {
		at, stop, begun := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC), make(chan struct{}), make(chan struct{}, 2)
		ops := make([]seq.Op, 14)
		for i := range ops {
			ops[i] = seq.Op{ID: sceneID(at, i), Run: nothing}
			if i > 3 {
				ops[i].DependsOn = []string{sceneID(at, i-4), sceneID(at, i*5%4)}
				slices.Sort(ops[i].DependsOn)
				ops[i].DependsOn = slices.Compact(ops[i].DependsOn)
			}
			if i == 5 || i == 6 {
				ops[i].Run = func(ctx context.Context) error {
					err := seq.Progress(ctx, int64(i*130_000), 1_000_000)
					begun <- struct{}{}
					<-stop
					return err
				}
			}
		}
		s := seq.New(store.NewMemory(), ops...).Use(strategies.DependencyGraph())
		over := make(chan error, 1)
		go func() {
			_, err := s.Run(t.Context())
			over <- err
		}()
		<-begun
		<-begun
		t.Cleanup(func() { close(stop); <-over })
		return s
	},
	"dense": func(t *testing.T) *seq.Sequencer {
		at := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
		return scene(t, 40, strategies.DependencyGraph(), func(i int, o *seq.Op) {
			for j := range i / 8 * 8 {
				o.DependsOn = append(o.DependsOn, sceneID(at, j))
			}
		})
	},
	"serial": func(t *testing.T) *seq.Sequencer {
		return scene(t, 12, strategies.Sequential(), func(i int, o *seq.Op) {
			if i == 7 {
				o.Run = no
			}
		})
	},
	"serial500": func(t *testing.T) *seq.Sequencer {
		return scene(t, 500, strategies.Sequential(), func(i int, o *seq.Op) {
			if i == 300 {
				o.Run = no
			}
		})
	},
	"batch500": func(t *testing.T) *seq.Sequencer {
		return scene(t, 500, strategies.AllowedToFailBatch(), func(i int, o *seq.Op) {
			if i < 40 {
				o.Kind = seq.Migration
			}
			if i%97 == 90 {
				o.Run = no
			}
		})
	},
}

func no(context.Context) error { return errors.New("connect to billing: connection refused") }

// graphScene has waves of about the given size; each op depends on up to three of earlier waves.
func graphScene(t *testing.T, n, wave int) *seq.Sequencer {
	return scene(t, n, strategies.DependencyGraph(strategies.Limit(4)), func(i int, o *seq.Op) {
		base := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
		if i >= wave {
			o.DependsOn = append(o.DependsOn, sceneID(base, i-wave))
			if i%3 == 0 {
				o.DependsOn = append(o.DependsOn, sceneID(base, (i-wave)/wave*wave+(i*7)%wave))
			}
			if i%5 == 0 {
				o.DependsOn = append(o.DependsOn, sceneID(base, i%wave))
			}
		}
		slices.Sort(o.DependsOn)
		o.DependsOn = slices.Compact(o.DependsOn)
		if i == n*2/5 {
			o.Run = no
		}
	})
}
