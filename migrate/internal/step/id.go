package step

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
)

var foreign = regexp.MustCompile(`[^A-Za-z0-9._:/-]+`)

// dates are the forms of a version that is a date, by its length.
var dates = map[int]string{14: "20060102150405", 12: "200601021504", 8: "20060102"}

// ID is the ID of a version and a name.
//
// A version that is a date keeps it: 20240115120000, 202401151200, 20240115. A number of up to 11
// digits counts seconds since 1970, so that small ones come before everything dated, in their order,
// and a Unix time stands where it belongs. All others stand at the time that is nearest to what they
// look like, and the ID has the whole version behind its timestamp, since the timestamp alone does
// not tell two of them apart:
//
//   - a day and a counter, 2026071701, at that day, the counter as seconds;
//   - a date with more digits, or with a part that is too large, as 20240115126000, at the last second
//     that is not above it: 12:59:59;
//   - 13, 16 and 19 digits at the Unix time that they count in milliseconds, microseconds, and
//     nanoseconds, unless they begin with a day of this century.
func ID(version, name string) (string, error) {
	stamp, exact, err := stampOf(version)
	if err != nil {
		return "", err
	}
	if !exact {
		stamp += "_" + version
	}
	if name = strings.Trim(foreign.ReplaceAllString(name, "_"), "_"); name != "" {
		stamp += "_" + name
	}
	_, _, err = seq.ParseID(stamp)
	return stamp, err
}

// Time is where a version stands in the order.
func Time(version string) (time.Time, error) {
	stamp, _, err := stampOf(version)
	if err != nil {
		return time.Time{}, err
	}
	at, _, err := seq.ParseID(stamp)
	return at, err
}

// stampOf is the timestamp of a version, and whether no other version of the same length has it.
func stampOf(version string) (stamp string, exact bool, err error) {
	if layout := dates[len(version)]; layout != "" {
		if at, err := time.Parse(layout, version); err == nil && at.Year() >= 1900 && at.Year() < 2200 {
			return version + "00000000000000"[len(version):], true, nil
		}
	}
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return "", false, fmt.Errorf("the version %s is no number, or larger than any tool takes", version)
	}
	v := strconv.FormatUint(n, 10)
	day := dayOf(v)
	switch {
	case day && len(v) == 8:
		return clamp(v), false, nil
	case day && len(v) <= 11:
		return clamp(v[:8] + "000000")[:8] + counter(v[8:]), false, nil
	case len(v) <= 11:
		return unix(int64(n)), true, nil
	case day:
		return clamp(v), false, nil
	case len(v) == 13:
		return unix(int64(n / 1e3)), false, nil
	case len(v) == 16:
		return unix(int64(n / 1e6)), false, nil
	case len(v) == 19:
		return unix(int64(n / 1e9)), false, nil
	default:
		return clamp(v), false, nil
	}
}

func unix(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006_01_02_150405") }

// dayOf reports whether digits begin with a day of this century, or one that was counted up too far.
func dayOf(v string) bool {
	return len(v) >= 8 && v[:2] == "20" && v[4:6] >= "01" && v[4:6] <= "12" && v[6:8] >= "01" || len(v) == 8 && v[:2] == "20"
}

// counter is a number of up to three digits as a time of day.
func counter(digits string) string {
	n, _ := strconv.Atoi(digits)
	return fmt.Sprintf("%02d%02d%02d", n/3600, n/60%60, n%60)
}

// clamp is the last timestamp that is not above digits: of a part that is too large all that follows
// is at its end, and of one that is too small at its beginning. So a larger number never comes before
// a smaller one of the same length.
func clamp(digits string) string {
	parts := [...]struct{ at, width, low, high int }{{4, 2, 1, 12}, {6, 2, 1, 31}, {8, 2, 0, 23}, {10, 2, 0, 59}, {12, 2, 0, 59}}
	digits = (digits + "00000000000000")[:14]
	year, _ := strconv.Atoi(digits[:4])
	out := digits[:4]
	beyond := 0 // 1 above, -1 below
	for i, p := range parts {
		if i == 1 {
			month, _ := strconv.Atoi(out[4:6])
			p.high = time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
		}
		n, _ := strconv.Atoi(digits[p.at : p.at+p.width])
		switch {
		case beyond > 0:
			n = p.high
		case beyond < 0:
			n = p.low
		case n > p.high:
			n, beyond = p.high, 1
		case n < p.low:
			n, beyond = p.low, -1
		}
		out += fmt.Sprintf("%02d", n)
	}
	return out
}
