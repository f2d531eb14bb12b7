package backfill

import (
	"context"
	"fmt"
	"time"
)

// Window is a gate that is open between two times of day in a zone, given as the time since midnight by the
// clock on the wall: Window(22*time.Hour, 6*time.Hour, berlin) is open from 22:00 to 06:00, also in the nights in
// which the clocks change. nil is UTC.
func Window(from, to time.Duration, zone *time.Location) Gate {
	if zone == nil {
		zone = time.UTC
	}
	g := Gate{Name: fmt.Sprintf("window %s to %s %s", timeOfDay(from), timeOfDay(to), zone)}
	g.Ask = func(_ context.Context, now time.Time) (string, error) {
		t := now.In(zone)
		at := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
		open := from <= at && at < to
		if to < from {
			open = from <= at || at < to
		}
		if open {
			return "", nil
		}
		return "opens at " + timeOfDay(from), nil
	}
	const day = 24 * time.Hour
	if from < 0 || from >= day || to < 0 || to > day || from == to {
		g.Err = fmt.Errorf("Window(%s, %s): want two different times of day, from 0 to 24 h", from, to)
	}
	return g
}

func timeOfDay(d time.Duration) string {
	s := fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
	if rest := d % time.Minute; rest != 0 {
		s += fmt.Sprintf(":%02d", int(rest.Seconds()))
	}
	return s
}
