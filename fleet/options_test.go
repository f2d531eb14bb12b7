package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestOptions: what makes no sense is an error that names it, of a leader before anything has run, and of a worker.
func TestOptions(t *testing.T) {
	c := &calls{}
	for name, option := range map[string]fleet.RiverOption{
		"Slots": fleet.Slots(0), "Queue": fleet.Queue(""), "PollOnly": fleet.PollOnly(time.Microsecond),
	} {
		s := seq.New(store.NewMemory(), plain(c, 1))
		report, err := s.Use(strategies.Batch(), fleet.Middleware(fleet.River(nil, option))).Run(t.Context())
		if !errors.Is(err, seq.ErrInvalidOption) || report.State == seq.RunSucceeded {
			t.Errorf("%s: a leader is %s, %v", name, report.State, err)
		}
		w, err := fleet.NewWorker(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fleet.Config(w, option); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("%s: a worker gets %v", name, err)
		}
		w.Close(t.Context())
	}
	if c.of(id(1)) > 0 {
		t.Error("it was called")
	}
}

// TestPollOnly: a worker's client listens, unless it is told not to.
func TestPollOnly(t *testing.T) {
	w, err := fleet.NewWorker(seq.New(store.NewMemory(), plain(&calls{}, 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(t.Context())
	if config, err := fleet.Config(w); err != nil || config.PollOnly {
		t.Errorf("%+v, %v", config, err)
	}
	if config, err := fleet.Config(w, fleet.PollOnly(time.Second)); err != nil || !config.PollOnly || config.FetchPollInterval != time.Second {
		t.Errorf("%+v, %v", config, err)
	}
}
