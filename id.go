package seq

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// MaxIDBytes is the length of the longest ID.
const MaxIDBytes = 200

var (
	idChars   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*$`)
	timestamp = regexp.MustCompile(`^(\d{14}|\d{4}_\d{2}_\d{2}_\d{6})(?:_|$)`)
)

const layout = "20060102150405"

// ParseID splits an ID into the timestamp that orders it (UTC) and its name. An ID is
// "2024_01_15_120000_name" or "20240115120000_name", at most [MaxIDBytes] long, of ASCII
// letters, digits and . _ : / - only. The name may be missing. Anything else is an error that
// matches [ErrInvalidID].
func ParseID(id string) (at time.Time, name string, err error) {
	if id == "" {
		return at, "", fmt.Errorf("%w: it is empty", ErrInvalidID)
	}
	if len(id) > MaxIDBytes {
		return at, "", fmt.Errorf("%w %q…: %d bytes long, at most %d allowed", ErrInvalidID, id[:32], len(id), MaxIDBytes)
	}
	if !idChars.MatchString(id) {
		return at, "", fmt.Errorf("%w %q: only letters, digits and . _ : / - are allowed, the first a letter or digit", ErrInvalidID, id)
	}
	stamp := timestamp.FindStringSubmatch(id)
	if stamp == nil {
		return at, "", fmt.Errorf("%w %q: it must start with a timestamp, as in 2024_01_15_120000_%s", ErrInvalidID, id, "name")
	}
	at, err = time.Parse(layout, strings.ReplaceAll(stamp[1], "_", ""))
	if err != nil {
		return at, "", fmt.Errorf("%w %q: %s is no date and time", ErrInvalidID, id, stamp[1])
	}
	return at, id[len(stamp[0]):], nil
}

// quoted is an ID as an error shows it: as it is if it is valid, else so that it does no harm.
func quoted(id string) string {
	if len(id) <= MaxIDBytes && idChars.MatchString(id) {
		return id
	}
	return fmt.Sprintf("%.*q", MaxIDBytes, id)
}

// Chronologically compares two valid IDs by timestamp, then by text. It is the order of
// everything that has no other reason to be ordered.
func chronologically(a, b *stamped) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.op.ID, b.op.ID))
}

// stamped is an op with the timestamp of its ID, read once.
type stamped struct {
	op *Op
	at time.Time
}
