package seq_test

import (
	"archive/zip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for LoadLocation, on a system that has none

	"github.com/sequencer-go/seq"
)

// A dial is what clocks in a zone show in each minute of a while, found by looking.
type dial struct {
	begin    int64 // unix minutes
	wall     []int // minutes since 1970 as shown
	first    []bool
	earliest int
}

const day = 24 * 60

func look(loc *time.Location, begin, end time.Time) *dial {
	d := &dial{begin: begin.Unix() / 60}
	var shown []bool
	for m := d.begin; m <= end.Unix()/60; m++ {
		_, offset := time.Unix(m*60, 0).In(loc).Zone()
		w := int((m*60 + int64(offset)) / 60)
		if shown == nil {
			d.earliest = w - 2*day
			shown = make([]bool, int(end.Unix()/60-d.begin)+5*day)
		}
		d.wall = append(d.wall, w)
		d.first = append(d.first, !shown[w-d.earliest])
		shown[w-d.earliest] = true
	}
	return d
}

// next scans for the next time that clocks show hm, minutes since midnight, for the first time,
// or have just been set forward over it. A time that was skipped yesterday is past, also in the
// instant in which the gap ends.
func (d *dial) next(now time.Time, hm int) time.Time {
	i := int(now.Unix()/60 - d.begin)
	midnight := d.wall[i] / day * day
	for ; i < len(d.wall); i++ {
		at := time.Unix((d.begin+int64(i))*60, 0)
		if at.Before(now) {
			continue
		}
		if d.wall[i]%day == hm && d.first[i] {
			return at
		}
		for w := d.wall[i-1] + 1; w < d.wall[i]; w++ {
			if w%day == hm && w >= midnight && !slices.Contains(d.wall[:i], w) {
				return at
			}
		}
	}
	return time.Time{}
}

// zones are all zones that Go knows, without those that are another by a second name, from the
// archive that Go brings along, whatever the system has. A Go without it leaves a few.
func zones(tb testing.TB) (locs []*time.Location) {
	tb.Helper()
	root, err := exec.CommandContext(tb.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if errors.Is(err, os.ErrNotExist) {
		for _, name := range []string{
			"America/New_York", "America/Scoresbysund", "America/St_Johns", "Africa/Casablanca", "Antarctica/Troll",
			"Asia/Beirut", "Asia/Gaza", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Apia", "UTC",
		} {
			loc, err := time.LoadLocation(name)
			if err != nil {
				tb.Fatal(err)
			}
			locs = append(locs, loc)
		}
		return locs
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	seen := map[string]bool{}
	for _, file := range archive.File {
		if strings.HasSuffix(file.Name, "/") {
			continue
		}
		r, err := file.Open()
		if err != nil {
			tb.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			tb.Fatal(err)
		}
		if seen[string(data)] {
			continue
		}
		seen[string(data)] = true
		loc, err := time.LoadLocationFromTZData(file.Name, data)
		if err != nil {
			tb.Fatal(err)
		}
		locs = append(locs, loc)
	}
	return locs
}

// TestNextAtInEveryZone compares NextAt with a scan, around the moments from 2000 to 2037 at
// which clocks are set: some of them, or with SEQ_TEST_ALL_ZONES=1 all.
func TestNextAtInEveryZone(t *testing.T) {
	all := os.Getenv("SEQ_TEST_ALL_ZONES") != ""
	random := rand.New(rand.NewPCG(2000, 2037))
	gaps, overlaps := 0, 0
	locs := zones(t)
	for _, loc := range locs {
		for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); ; {
			_, end := at.In(loc).ZoneBounds()
			if end.IsZero() || end.Year() > 2037 {
				break
			}
			if !end.After(at) { // so says Go of the last day of a leap year
				at = at.AddDate(0, 0, 1)
				continue
			}
			at = end
			_, before := at.Add(-1).In(loc).Zone()
			_, after := at.In(loc).Zone()
			if before == after || !all && random.IntN(50) > 0 && max(after-before, before-after) <= 3600 {
				continue
			}
			if after > before {
				gaps++
			} else {
				overlaps++
			}
			aroundTheChange(t, loc, at, before, after)
		}
	}
	t.Logf("%d zones, %d gaps, %d overlaps", len(locs), gaps, overlaps)
	if len(locs) > 100 && all && (gaps < 3000 || overlaps < 3000) {
		t.Error("that are too few")
	}
}

// aroundTheChange asks at all sorts of times for all sorts of times.
func aroundTheChange(t *testing.T, loc *time.Location, at time.Time, before, after int) {
	t.Helper()
	dial := look(loc, at.AddDate(0, 0, -3), at.AddDate(0, 0, 4))
	low, high := int(at.Unix()+int64(min(before, after)))/60, int(at.Unix()+int64(max(before, after)))/60
	for _, wall := range []int{low - 1, low, low + 1, (low + high) / 2, high - 1, high, high + 1, low + day/2} {
		hm := wall % day
		next := seq.NextAt(hm/60, hm%60, loc)
		for _, since := range []time.Duration{
			-26 * time.Hour, -24 * time.Hour, -5 * time.Hour, -61 * time.Minute, -time.Hour, -30 * time.Minute, -time.Minute, -1,
			0, 1, time.Minute, 29*time.Minute + time.Second, 30 * time.Minute, time.Hour - 1, time.Hour, 61 * time.Minute, 5 * time.Hour, 25 * time.Hour,
		} {
			now := at.Add(since)
			if got, want := next(now), dial.next(now, hm); !got.Equal(want) {
				t.Errorf("%s: NextAt(%d, %d) at %s is %s, want %s", loc, hm/60, hm%60, now.In(loc), got, want.In(loc))
			}
		}
	}
}

// FuzzNextAt compares NextAt with a scan at any time.
func FuzzNextAt(f *testing.F) {
	locs := zones(f)
	for i, loc := range locs {
		switch loc.String() {
		case "America/New_York":
			f.Add(uint16(i), int64(1_710_054_000), int64(0), uint8(2), uint8(30)) // 2024-03-10 02:00, a gap
			f.Add(uint16(i), int64(1_730_610_000), int64(1), uint8(1), uint8(0))  // 2024-11-03 01:00, the first
		case "Pacific/Apia":
			f.Add(uint16(i), int64(1_325_239_200), int64(-1), uint8(10), uint8(0)) // 2011-12-30, which was none
		case "Australia/Lord_Howe", "Antarctica/Troll", "America/Scoresbysund":
			f.Add(uint16(i), int64(1_743_296_400), int64(-1), uint8(23), uint8(59))
		}
	}
	f.Add(uint16(0), int64(0), int64(0), uint8(0), uint8(0))
	from := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	span := time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - from
	f.Fuzz(func(t *testing.T, zone uint16, unix, nanos int64, hour, minute uint8) {
		loc := locs[int(zone)%len(locs)]
		if unix = (unix - from) % span; unix < 0 {
			unix += span
		}
		now := time.Unix(from+unix, nanos%1e9)
		h, m := int(hour%24), int(minute%60)
		want := look(loc, now.AddDate(0, 0, -3), now.AddDate(0, 0, 4)).next(now, h*60+m)
		if got := seq.NextAt(h, m, loc)(now); !got.Equal(want) {
			t.Fatalf("%s: NextAt(%d, %d) at %s is %s, want %s", loc, h, m, now.In(loc), got, want.In(loc))
		}
	})
}
