package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq/clock"
)

var noon = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)

func TestMockStandsStillUntilItIsMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewMock(noon)
		var fired []time.Time
		c.AfterFunc(2*time.Minute, func() { fired = append(fired, c.Now()) })
		stop := c.AfterFunc(time.Minute, func() { t.Error("a stopped call was made") })
		if !stop() {
			t.Error("stop says that it was too late")
		}
		time.Sleep(time.Hour)
		if !c.Now().Equal(noon) || len(fired) != 0 {
			t.Fatalf("it moved by itself: %s, %v", c.Now(), fired)
		}
		c.Add(time.Hour)
		synctest.Wait()
		if !c.Now().Equal(noon.Add(time.Hour)) || len(fired) != 1 {
			t.Errorf("now %s, fired %v", c.Now(), fired)
		}
		c.Set(noon.Add(24 * time.Hour))
		if !c.Now().Equal(noon.Add(24 * time.Hour)) {
			t.Errorf("Set: %s", c.Now())
		}
	})
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]clock.Clock{"wall": clock.Wall(), "mock": clock.NewMock(noon)} {
			began := c.Now()
			woke := make(chan error)
			go func() { woke <- clock.Sleep(t.Context(), c, time.Minute) }()
			synctest.Wait()
			if m, ok := c.(*clock.Mock); ok {
				m.Add(time.Minute)
			}
			if err := <-woke; err != nil || c.Now().Sub(began) != time.Minute {
				t.Errorf("%s: %v after %s", name, err, c.Now().Sub(began))
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("enough")
			go func() { woke <- clock.Sleep(ctx, c, time.Minute) }()
			synctest.Wait()
			cancel(why)
			if err := <-woke; !errors.Is(err, why) {
				t.Errorf("%s: %v", name, err)
			}
			if err := clock.Sleep(t.Context(), c, -1); err != nil {
				t.Errorf("%s: a sleep of nothing: %v", name, err)
			}
		}
	})
}
