package sim

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	flagSeeds   = flag.Uint64("sim.seeds", defaultSeeds, "how many seeds TestSim runs")
	flagStart   = flag.Uint64("sim.start", 0, "the first seed of TestSim")
	flagFor     = flag.Duration("sim.for", 0, "run seeds for this long, however many")
	flagSeed    = flag.Int64("sim.seed", -1, "run this seed alone")
	flagSurvey  = flag.Bool("sim.survey", false, "go on after a seed that fails, and print a line for each")
	flagVerbose = flag.Bool("sim.verbose", false, "print the event log of -sim.seed, and what happened in the batch")
)

// TestMain turns the garbage collector off inside bubbles; live collects between them. With it on,
// under go1.26.8, runs of many seeds were seen to hang twice; in the stack dump of one of them two
// goroutines of two bubbles stood in semacquire at an allocation. The cause was not looked into.
func TestMain(m *testing.M) {
	debug.SetGCPercent(-1)
	os.Exit(m.Run())
}

var (
	lived   atomic.Int64
	bubbles sync.RWMutex // held by a collection: no bubble may be open
)

// A suite is one kind of world, with what belongs to it.
type suite struct {
	test      string // its name
	world     Options
	kept      string // the file of the seeds that once failed
	sometimes func() []string
	enough    uint64 // seeds, for all of sometimes to happen
}

var (
	ordinary = suite{"TestSim", Options{}, "testdata/seeds.txt", Sometimes, 500}
	beside   = suite{"TestSimBackground", Options{Background: true}, "testdata/seeds-background.txt", BackgroundSometimes, 5000}
	abroad   = suite{"TestSimFleet", Options{Fleet: true}, "testdata/seeds-fleet.txt", FleetSometimes, 900}
)

// live runs one seed in a bubble.
func (s suite) live(t *testing.T, seed uint64, m Mutant) (r *Result) {
	if lived.Add(1)%200 == 0 {
		bubbles.Lock()
		runtime.GC()
		bubbles.Unlock()
	}
	bubbles.RLock()
	defer bubbles.RUnlock()
	o := s.world
	o.Mutant = m
	synctest.Test(t, func(*testing.T) { r = Run(seed, o, synctest.Wait) })
	return r
}

// TestSim runs the engine through thousands of worlds.
func TestSim(t *testing.T) { ordinary.run(t, *flagSeeds) }

// TestSimBackground runs it through worlds where some ops work in the background, and people steer them.
func TestSimBackground(t *testing.T) { beside.run(t, *flagSeeds/backgroundShare) }

// TestSimFleet runs it through worlds where leaders order and workers do.
func TestSimFleet(t *testing.T) { abroad.run(t, *flagSeeds/fleetShare) }

// fleetShare is how many worlds TestSim sees for one of TestSimFleet.
const fleetShare = 3

// backgroundShare is how many worlds TestSim sees for one of TestSimBackground: one of these has three times
// as many events.
const backgroundShare = 3

func (s suite) run(t *testing.T, seeds uint64) {
	if *flagSeed >= 0 {
		r := s.live(t, uint64(*flagSeed), None)
		s.report(t, r)
		if *flagVerbose {
			t.Logf("%s", r.Log)
		}
		return
	}
	for _, seed := range s.seeds(t) {
		s.report(t, s.live(t, seed, None))
	}
	began := time.Now()
	var next, events, failed atomic.Int64
	next.Store(int64(*flagStart))
	var mu sync.Mutex
	total, simulated := Coverage{}, time.Duration(0)
	more := func(seed uint64) bool {
		if *flagFor > 0 {
			return time.Since(began) < *flagFor
		}
		return seed < *flagStart+seeds
	}
	t.Run("seeds", func(t *testing.T) {
		for worker := range 2 {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for failed.Load() < 5 {
					seed := uint64(next.Add(1) - 1)
					if !more(seed) {
						return
					}
					r := s.live(t, seed, None)
					switch {
					case r.Violation != nil && *flagSurvey:
						t.Errorf("seed %d breaks %s", seed, r.Violation)
					case r.Violation != nil:
						failed.Add(1)
						s.report(t, r)
					}
					events.Add(int64(r.Events))
					mu.Lock()
					total.Add(r.Coverage)
					simulated += r.Simulated
					mu.Unlock()
				}
			})
		}
	})
	n := uint64(next.Load()) - *flagStart
	t.Logf("%d seeds, %d events, %s simulated, in %s: %.0f seeds/s", n, events.Load(), simulated.Round(time.Second),
		time.Since(began).Round(time.Millisecond), float64(n)/time.Since(began).Seconds())
	if *flagVerbose {
		t.Logf("what happened:\n%s", total)
	}
	if missing := total.Missing(s.sometimes()); n >= s.enough && len(missing) > 0 {
		t.Errorf("in %d seeds this never happened: %q", n, missing)
	}
}

// TestSameSeedSameLog runs some seeds twice; none of TestSimBackground: a worker there that works on several ops at a time is not
// yet the same each time.
func TestSameSeedSameLog(t *testing.T) {
	for _, s := range []suite{ordinary, abroad} {
		for seed := range uint64(40) {
			a, b := s.live(t, seed, None), s.live(t, seed, None)
			if bytes.Equal(a.Log, b.Log) {
				continue
			}
			x, y := strings.Split(string(a.Log), "\n"), strings.Split(string(b.Log), "\n")
			for i := range min(len(x), len(y)) {
				if x[i] != y[i] {
					t.Fatalf("%s: seed %d differs in line %d:\n%s\n%s", s.test, seed, i+1, x[i], y[i])
				}
			}
			t.Fatalf("%s: seed %d: %d and %d lines", s.test, seed, len(x), len(y))
		}
	}
}

// seeds are those that once failed.
func (s suite) seeds(t *testing.T) []uint64 {
	data, err := os.ReadFile(s.kept)
	if err != nil {
		t.Fatal(err)
	}
	var seeds []uint64
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

// report says how a seed failed, and how to see it again.
func (s suite) report(t *testing.T, r *Result) {
	t.Helper()
	if r.Violation == nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(r.Log)), "\n")
	t.Errorf("seed %d breaks %s\nthe last of %d events:\n%s\nreplay: go test ./internal/sim -run '%s$' -sim.seed=%d -sim.verbose -v",
		r.Seed, r.Violation, r.Events, strings.Join(lines[max(0, len(lines)-25):], "\n"), s.test, r.Seed)
}

func TestMutants(t *testing.T) { ordinary.mutants(t, Mutants) }

func TestBackgroundMutants(t *testing.T) { beside.mutants(t, BackgroundMutants) }

func TestFleetMutants(t *testing.T) { abroad.mutants(t, FleetMutants) }

func (s suite) mutants(t *testing.T, mutants []Mutant) {
	for i, m := range mutants {
		if i%mutantsStep != 0 {
			continue
		}
		t.Run(strings.ReplaceAll(string(m), " ", "_"), func(t *testing.T) {
			t.Parallel()
			const most = 10000
			for seed := range uint64(most) {
				if r := s.live(t, seed, m); r.Violation != nil {
					t.Logf("after %d seeds: %s", seed+1, r.Violation)
					return
				}
			}
			t.Errorf("%d seeds did not notice", most)
		})
	}
}
