package bench

import (
	_ "embed"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
)

// A graph is a workload: which steps each step waits for, all before it, and how long it takes
// where time counts.
type graph struct {
	after [][]int
	takes []time.Duration
}

// loads are the workloads, each made once: all who walk one walk the same.
var loads = map[string]func() graph{
	"a": sync.OnceValue(func() graph { return independent(10_000) }),
	"b": sync.OnceValue(func() graph { return chain(1_000) }),
	"c": sync.OnceValue(func() graph { return layered(10_000, 20, 50_000) }),
	"d": sync.OnceValue(standardLibrary),
	"e": sync.OnceValue(func() graph { return layered(1_000_000, 100, 1_000_000) }),
}

func independent(n int) graph { return graph{after: make([][]int, n)} }

func chain(n int) graph {
	g := independent(n)
	for i := 1; i < n; i++ {
		g.after[i] = []int{i - 1}
	}
	return g
}

// layered is a random graph in layers of equal size, in which each step waits for different ones
// of the layer before, each for the same number, as far as edges can be shared out. Durations
// have a long tail: most are short, a few are a hundred times as long.
func layered(n, layers, edges int) graph {
	g := independent(n)
	rng := rand.New(rand.NewPCG(1, 2)) // the same graph on every machine
	width := n / layers
	for i := width; i < n; i++ {
		left, place := n-i, i-width
		before := place - place%width // the first step of the layer before
		for want := (edges + left - 1) / left; len(g.after[i]) < want; edges-- {
			g.after[i] = appendNew(g.after[i], before+rng.IntN(width))
		}
	}
	g.takes = make([]time.Duration, n)
	for i := range g.takes {
		g.takes[i] = time.Duration(float64(time.Millisecond) * math.Exp(1.5*rng.NormFloat64()))
	}
	return g
}

// appendNew keeps a list free of repetition; of what is there already it takes the next number.
func appendNew(list []int, v int) []int {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// std is the output, on linux/amd64 with Go 1.26.8, of
//
//	go list -deps -f '{{.ImportPath}} {{len .GoFiles}} {{join .Imports " "}}' std
//
//go:embed testdata/std.txt
var std string

// standardLibrary is the import graph of the standard library. A package takes ten milliseconds
// a file.
func standardLibrary() graph {
	var g graph
	index := map[string]int{}
	for line := range strings.Lines(std) {
		fields := strings.Fields(line)
		files, err := strconv.Atoi(fields[1])
		if err != nil {
			panic(err)
		}
		var after []int
		for _, name := range fields[2:] {
			if i, known := index[name]; known { // "C" is no package
				after = append(after, i)
			}
		}
		index[fields[0]] = len(g.after)
		g.after = append(g.after, after)
		g.takes = append(g.takes, time.Duration(max(files, 1))*10*time.Millisecond)
	}
	return g
}

// ops are the steps of a graph as ops that do nothing.
func (g graph) ops() []seq.Op {
	ops := make([]seq.Op, len(g.after))
	for i := range ops {
		ops[i] = seqtest.Succeeds(seqtest.ID(i, "step"))
		for _, j := range g.after[i] {
			ops[i].DependsOn = append(ops[i].DependsOn, ops[j].ID)
		}
	}
	return ops
}

// input is a graph as a planner gets it.
func (g graph) input() plan.Input {
	ops := g.ops()
	steps := make([]plan.Step, len(ops))
	for i := range steps {
		steps[i] = plan.Step{ID: ops[i].ID, After: g.after[i], Index: i}
	}
	return plan.Input{Steps: steps}
}

// waves are the steps by level: what waits for nothing, what waits for those only, and so on.
func (g graph) waves() [][]int {
	var waves [][]int
	level := make([]int, len(g.after))
	for i, after := range g.after {
		for _, j := range after {
			level[i] = max(level[i], level[j]+1)
		}
		if level[i] == len(waves) {
			waves = append(waves, nil)
		}
		waves[level[i]] = append(waves[level[i]], i)
	}
	return waves
}

// bound is the least time that any schedule on n workers takes.
func (g graph) bound(n int) time.Duration {
	var total, critical time.Duration
	ends := make([]time.Duration, len(g.after))
	for i, after := range g.after {
		for _, j := range after {
			ends[i] = max(ends[i], ends[j])
		}
		ends[i] += g.takes[i]
		critical = max(critical, ends[i])
		total += g.takes[i]
	}
	return max(critical, total/time.Duration(n))
}
