package seq_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/store"

	"github.com/sequencer-go/seq"
)

type hostile struct{}

func (hostile) Error() string { panic("no text for you") }

func TestErrorTextIsAlwaysStorable(t *testing.T) {
	for _, err := range []error{
		errors.New(""), errors.New("plain"), errors.New("a\x00b"), errors.New("bad \xff\xfe"),
		hostile{},
		errors.New(strings.Repeat("ü", store.MaxErrorBytes)), errors.New(strings.Repeat("\xff", 3*store.MaxErrorBytes)),
	} {
		text := store.ErrorText(err)
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > store.MaxErrorBytes {
			t.Errorf("%d bytes: %.60q", len(text), text)
		}
	}
	if text := store.ErrorText(errors.New(strings.Repeat("x", 10_000))); !strings.Contains(text, "10000 bytes") {
		t.Errorf("the length is not told: %q", text[len(text)-30:])
	}
	if store.ErrorText(nil) != "" {
		t.Error("nil has a text")
	}
}

func TestAHostileErrorIsAnOrdinaryFailure(t *testing.T) {
	op := ok("a")
	op.Run = seqFails(hostile{})
	b := newBench(t, seq.Strategy{}, op)
	r, err := b.run()
	if err == nil || !strings.Contains(err.Error(), "panics") || !strings.Contains(r.String(), "panics") {
		t.Errorf("%v\n%s", err, r)
	}
	b.state("a", seq.Failed)
}

func FuzzErrorText(f *testing.F) {
	f.Add("")
	f.Add("a\x00\xff" + strings.Repeat("語", 4000))
	f.Fuzz(func(t *testing.T, s string) {
		text := store.ErrorText(errors.New(s))
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > store.MaxErrorBytes {
			t.Fatalf("%q became %q", s, text)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"2024_01_15_120000_a", "20240115120000_b", "", "2024_01_15_120000", "x\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, name, err := seq.ParseID(s)
		if err != nil {
			if !errors.Is(err, seq.ErrInvalidID) || !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		stamp := at.Format("20060102150405")
		if bare := strings.ReplaceAll(s[:len(s)-len(name)], "_", ""); bare != stamp || len(s) > seq.MaxIDBytes {
			t.Fatalf("%q is %s, %q", s, stamp, name)
		}
	})
}

func FuzzNearest(f *testing.F) {
	f.Add("create_user", "2024_01_15_120000_create_users")
	f.Fuzz(func(t *testing.T, s, candidate string) {
		if got := ident.Nearest(s, []string{candidate}); got != "" && got != candidate {
			t.Fatalf("%q is none of the candidates", got)
		}
	})
}
