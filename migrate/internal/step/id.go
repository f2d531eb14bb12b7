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

// ID is the ID of a version and a name. A version that is a date keeps it. Any other number counts
// seconds since 1970: small ones come before everything dated and in their order, and those that
// are Unix times stand at their own time.
func ID(version, name string) (string, error) {
	id := strings.Trim(foreign.ReplaceAllString(name, "_"), "_")
	stamp, err := stampOf(version)
	if err != nil {
		return "", err
	}
	if id != "" {
		stamp += "_" + id
	}
	_, _, err = seq.ParseID(stamp)
	return stamp, err
}

// Time is where a version stands in the order.
func Time(version string) (time.Time, error) {
	stamp, err := stampOf(version)
	if err != nil {
		return time.Time{}, err
	}
	at, _, err := seq.ParseID(stamp)
	return at, err
}

func stampOf(version string) (string, error) {
	if layout := dates[len(version)]; layout != "" {
		if at, err := time.Parse(layout, version); err == nil && at.Year() >= 1900 && at.Year() < 2200 {
			return version + "00000000000000"[len(version):], nil
		}
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 0 || n > 1e11 {
		return "", fmt.Errorf("the version %s is neither a date nor a number that can be put in order", version)
	}
	return time.Unix(n, 0).UTC().Format("2006_01_02_150405"), nil
}
