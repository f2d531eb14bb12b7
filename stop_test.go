package seq_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// Who asks for a stop may have started the run: one user name for all deploys is usual.
func TestAPersonStopsTheirOwnRunAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_slow", Run: func(ctx context.Context) error {
			calls++
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Minute):
				return nil
			}
		}})
		by, why := seq.By("ann"), seq.Because("it is slow")
		ended := make(chan error, 1)
		go func() { _, err := s.Run(t.Context(), by); ended <- err }()
		time.Sleep(time.Second)
		if _, err := s.Stop(t.Context(), by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(store.LeaseTTL / 5)
		synctest.Wait()
		select {
		case err := <-ended:
			if !errors.Is(err, seq.ErrStopped) {
				t.Errorf("it ended with %v", err)
			}
		default:
			t.Errorf("it goes on, and ends with %v", <-ended)
		}
		// What she does from then on is not stopped by what she asked before.
		if _, err := s.Run(t.Context(), by); err != nil || calls != 2 {
			t.Errorf("her next run: %v, %d calls", err, calls)
		}
	})
}

// silent is a ledger that does not answer whether somebody asks for something.
type silent struct{ store.Store }

func (silent) Control(ctx context.Context, _ string) (store.Control, error) {
	<-ctx.Done()
	return store.Control{}, context.Cause(ctx)
}

// A ledger that does not say whether somebody asks for a stop keeps nobody from renewing the lease: else another
// process takes over, and does what this one is at.
func TestTheLeaseIsRenewedWhateverIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, ledger := 0, store.NewMemory()
		op := seq.Op{ID: "2024_01_15_120000_slow", Run: func(ctx context.Context) error {
			calls++
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(4 * store.LeaseTTL):
				return nil
			}
		}}
		ended := make(chan error, 1)
		go func() { _, err := seq.New(silent{ledger}, op).Run(t.Context()); ended <- err }()
		time.Sleep(time.Second)
		if _, err := seq.New(ledger, op).Run(t.Context()); err != nil {
			t.Errorf("who waits: %v", err)
		}
		if err := <-ended; err != nil || calls != 1 {
			t.Errorf("the run ended with %v, after %d calls", err, calls)
		}
	})
}
