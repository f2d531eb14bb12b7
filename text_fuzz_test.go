package seq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// presentable checks that an error can be shown to people: what came from outside is quoted, so
// that it neither ends a line, nor moves a terminal's cursor, nor hides anything.
func presentable(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	if !utf8.ValidString(text) {
		t.Fatalf("no UTF-8: %q", text)
	}
	if bad := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }); bad >= 0 {
		t.Fatalf("something came through raw: %q", text)
	}
	if got, want := strings.Count(text, "\n"), joints(err); got > want {
		t.Fatalf("%d lines of errors, %d ends of line: %q", want+1, got, text)
	}
}

// joints is how many ends of line errors.Join has put between errors.
func joints(err error) (n int) {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() []error }:
		if fmt.Sprintf("%T", err) == "*errors.joinError" {
			n = len(e.Unwrap()) - 1
		}
		for _, err := range e.Unwrap() {
			n += joints(err)
		}
	case interface{ Unwrap() error }:
		n = joints(e.Unwrap())
	}
	return n
}

// FuzzOptions hands arbitrary text to everything that takes an ID or a label: there is a plan, or
// an error that can be shown.
func FuzzOptions(f *testing.F) {
	const valid = "2024_01_15_120000_a"
	for _, s := range []string{
		"", valid, "2024_01_15_120000", "2024_01_15_120000_", "20240115120000", "2024_13_15_120000_a", "nobody",
		strings.Repeat("9", 300), "2024_01_15_120000_" + strings.Repeat("x", 182), "2024_01_15_120000_" + strings.Repeat("x", 183),
		"2024_01_15_120000_é", "%s%!d(MISSING)", "?ns', 'x", "2024_01_15_120100_other",
	} {
		f.Add(s, valid, valid, "", "tag")
		f.Add(valid, s, "other", s, s)
		f.Add(valid, valid, s, s, "tag")
	}
	for _, s := range []string{"a\x00b", "\x1b[2Jgone", "a\nb", "\r", "\xff\xfe", "\u202eabc", "\u2028", "2024_01_15_120000_a\n", valid + "\x1b"} {
		f.Add(s, valid, valid, "", s)
		f.Add(valid, s, valid, "", s)
		// Regressions: as names in Only, as dependencies, and in Resolve they come through raw.
		// f.Add(valid, "", s, "", "tag")
		// f.Add(valid, "", valid, s, "tag")
	}
	f.Fuzz(func(t *testing.T, id, from, only, dependency, tag string) {
		var called []string
		op := func(id string, deps ...string) seq.Op {
			o := seqtest.Succeeds(id, deps...)
			o.Tags = []string{tag, "all"}
			o.Run = func(context.Context) error { called = append(called, id); return nil }
			return o
		}
		ops := []seq.Op{op("2024_01_15_120100_other"), op(id)}
		if dependency != "" {
			ops[1].DependsOn = []string{dependency}
		}
		_, _, invalid := seq.ParseID(id)
		presentable(t, invalid)
		for _, opts := range [][]seq.RunOption{
			nil,
			{seq.From(from)},
			{seq.Only(only)},
			{seq.Tags(tag)},
			{seq.Tags(only), seq.Only(only, valid)},
			{seq.From(from), seq.Only(only), seq.Tags(tag), seq.Repeat()},
		} {
			called = nil
			s := seq.New(store.NewMemory(), ops...)
			plan, err := s.Preview(t.Context(), opts...)
			presentable(t, err)
			if (err == nil) != (plan != nil) || invalid != nil && !errors.Is(err, seq.ErrInvalidID) {
				t.Fatalf("ID %q: %v, %v", id, plan, err)
			}
			r, rerr := s.Run(t.Context(), opts...)
			presentable(t, rerr)
			if r == nil || (err == nil) != (rerr == nil) || err == nil && !slices.Equal(called, plan.IDs()) {
				t.Fatalf("Preview: %v, %v; Run: %v, %v; called: %q", plan, err, r, rerr, called)
			}
			if err != nil && len(called) > 0 {
				t.Fatalf("%v, and yet it called %q", err, called)
			}
			_, err = s.RunDue(t.Context(), opts...)
			presentable(t, err)
			_, err = s.Rollback(t.Context(), opts...)
			presentable(t, err)
			presentable(t, s.Resolve(t.Context(), only, seq.Done, tag, opts...))
			if !utf8.ValidString(r.String()) || plan != nil && !utf8.ValidString(plan.String()) {
				t.Fatalf("%q\n%q", plan, r)
			}
		}
	})
}

// FuzzNamed asks for a strategy by any name.
func FuzzNamed(f *testing.F) {
	for _, name := range strategies.Names() {
		f.Add(name)
		f.Add(strings.ToUpper(name))
		f.Add(strings.ReplaceAll(name, "-", " "))
		f.Add(name[1:])
	}
	for _, name := range []string{"", "TransactionalBatchOrchestrator", "Orchestrator", "_", "\xff", "batch\x1b[31m", "batch\n", "BATCHİ", strings.Repeat("batch", 1000)} {
		f.Add(name)
	}
	bare := func(name string) string {
		return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_ ", r) }), "")
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, err := strategies.Named(name)
		presentable(t, err)
		want := ""
		for _, known := range strategies.Names() {
			if b := bare(strings.TrimSuffix(name, "Orchestrator")); b == bare(known) {
				want = known
			}
		}
		if s.Name != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, seq.ErrUnknownValue) {
			t.Fatalf("%q is %q, want %q; %v", name, s.Name, want, err)
		}
		if strings.Contains(name, "\x00") {
			return // no environment takes it
		}
		t.Setenv(strategies.EnvVar, name)
		if e, eerr := strategies.FromEnv(); name != "" && (e.Name != want || (eerr == nil) != (err == nil)) || name == "" && e.Name != "sequential" {
			t.Fatalf("from the environment %q is %q, %v", name, e.Name, eerr)
		} else {
			presentable(t, eerr)
		}
	})
}
