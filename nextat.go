package seq

import (
	"fmt"
	"time"
)

// NextAt is an ExecuteAt for the next time that clocks in loc show hour:minute: today, or if
// that is past, tomorrow. nil means UTC. Where clocks are set forward over that time, it is the
// first instant after the gap; where they are set back and show it twice, it is the first of the
// two. It panics if hour or minute is no time of day.
func NextAt(hour, minute int, loc *time.Location) func(now time.Time) time.Time {
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		panic(fmt.Sprintf("seq.NextAt: %d:%02d is no time of day", hour, minute))
	}
	if loc == nil {
		loc = time.UTC
	}
	return func(now time.Time) time.Time {
		y, m, d := now.In(loc).Date()
		for day := 0; ; day++ {
			if at := firstAt(y, m, d+day, hour, minute, loc); !at.Before(now) {
				return at
			}
		}
	}
}

// firstAt is the first instant at which clocks in loc show this time, or the first one after the
// gap that swallows it. Unlike time.Date, which promises neither.
func firstAt(y int, m time.Month, d, hour, minute int, loc *time.Location) time.Time {
	wall := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
	var first time.Time
	for _, near := range []time.Time{wall.Add(-24 * time.Hour), wall.Add(24 * time.Hour)} {
		_, offset := near.In(loc).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(loc)
		_, there := at.Zone()
		if there == offset && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if !first.IsZero() {
		return first
	}
	return afterGap(wall.Add(-24*time.Hour), wall.Add(24*time.Hour), loc)
}

// afterGap is the instant between two that are apart by one change of offset, at which it changes.
// (time.Time.ZoneBounds would tell, but is an hour off where a zone changed its rule that day.)
func afterGap(before, after time.Time, loc *time.Location) time.Time {
	_, old := before.In(loc).Zone()
	low, high := before.Unix(), after.Unix()
	for high-low > 1 {
		middle := (low + high) / 2
		if _, offset := time.Unix(middle, 0).In(loc).Zone(); offset == old {
			low = middle
		} else {
			high = middle
		}
	}
	return time.Unix(high, 0).In(loc)
}
