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
