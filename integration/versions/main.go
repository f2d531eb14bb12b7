// Command versions is one release of a service: which ops it has, and what it finds in the ledger. Its
// test builds it twice, once with a library that has words of its own, as a later one will.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// Found is what a process prints.
type Found struct {
	Err      string
	Findings []string
	Ops      map[string]string // states, and words that the library does not know
	Runs     []string          // the newest first
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: versions DATABASE OP,OP,... (an op is NAME[<DEPENDENCY][!fails][?may])")
		os.Exit(2)
	}
	found, err := run(context.Background(), os.Args[1], strings.Split(os.Args[2], ","))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "versions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string, specs []string) (found Found, err error) {
	open := postgres.Open
	if strings.HasSuffix(dsn, ".db") {
		open = sqlite.Open
	}
	s, err := open(dsn, bunstore.LeaseTTL(10*time.Second))
	if err != nil {
		return found, err
	}
	defer func() { _ = s.Close() }()
	var ops []seq.Op
	for _, spec := range specs {
		ops = append(ops, opOf(spec))
	}
	report, err := seq.New(s, ops...).Run(ctx)
	if err != nil {
		found.Err = err.Error()
	}
	for _, f := range report.Findings {
		if f.Kind == "unknown" { // the IDs are alike, so that some look like renamed ones
			found.Findings = append(found.Findings, f.ID)
		}
	}
	entries, err := s.Load(ctx)
	if err != nil {
		return found, err
	}
	found.Ops = map[string]string{}
	for _, e := range entries {
		found.Ops[e.ID] = e.State.String()
		if e.State == store.UnknownState {
			found.Ops[e.ID] = e.Unknown
		}
	}
	runs, err := s.Runs(ctx, store.Page{Limit: 100})
	for _, r := range runs {
		state := r.State.String()
		if r.State == store.UnknownRun {
			state = r.Unknown
		}
		found.Runs = append(found.Runs, state)
	}
	return found, err
}

// opOf makes an op that leaves its name in the table effects, in the transaction that records it.
func opOf(spec string) seq.Op {
	spec, may := strings.CutSuffix(spec, "?may")
	spec, fails := strings.CutSuffix(spec, "!fails")
	name, dependency, depends := strings.Cut(spec, "<")
	op := seq.Op{ID: idOf(name), Delivery: seq.Transactional, AllowedToFail: may, Run: func(ctx context.Context) error {
		if fails {
			return fmt.Errorf("%s fails", name)
		}
		_, err := bunstore.Tx(ctx).ExecContext(ctx, "INSERT INTO effects (op, what) VALUES (?, 'done')", idOf(name))
		return err
	}}
	if depends {
		op.DependsOn = []string{idOf(dependency)}
	}
	return op
}

func idOf(name string) string { return "2024_01_15_120000_" + name }
