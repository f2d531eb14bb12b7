package console

import (
	"testing"

	"github.com/sequencer-go/seq"
)

// A ledger may hold a state that a later version of the library knows.
func TestAnUnknownStateIsDrawnByItsName(t *testing.T) {
	if got, want := looksOfState(200), (looks{"warn", "doubt", seq.State(200).String()}); got != want || got.Word == "" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := looksOfRun(200), (looks{"warn", "doubt", seq.RunState(200).String()}); got != want || got.Word == "" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if looksOfState(seq.Failed).Class != "bad" || looksOfRun(seq.RunSucceeded).Class != "good" {
		t.Error("a known state is drawn as an unknown one")
	}
}

func TestLargeNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 9850: "9850", 12345: "12\u202f345", 1_000_000: "1\u202f000\u202f000", -123_456: "-123\u202f456"} {
		if got := many(n); got != want {
			t.Errorf("%d is shown as %q, want %q", n, got, want)
		}
	}
}
