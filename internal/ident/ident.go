// Package ident reads the IDs of ops.
package ident

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxBytes is the length of the longest ID.
const MaxBytes = 200

// ErrInvalid means that a text is no ID.
var ErrInvalid = errors.New("invalid ID")

// The two ways to write a timestamp, digits as zeros.
var stamps = [...]string{"0000_00_00_000000", "00000000000000"}

// Parse splits an ID into the timestamp that orders it (UTC) and its name. An ID is
// "2024_01_15_120000_name" or "20240115120000_name", at most [MaxBytes] long, of ASCII
// letters, digits and . _ : / - only. The name may be missing. Anything else is an error that
// matches [ErrInvalid].
func Parse(id string) (at time.Time, name string, err error) {
	if id == "" {
		return at, "", fmt.Errorf("%w: it is empty", ErrInvalid)
	}
	if len(id) > MaxBytes {
		return at, "", fmt.Errorf("%w %q…: %d bytes long, at most %d allowed", ErrInvalid, id[:32], len(id), MaxBytes)
	}
	if !plain(id) {
		return at, "", fmt.Errorf("%w %q: only letters, digits and . _ : / - are allowed, the first a letter or digit", ErrInvalid, id)
	}
	stamp := stampOf(id)
	if stamp == "" {
		return at, "", fmt.Errorf("%w %q: it must start with a timestamp, as in 2024_01_15_120000_%s", ErrInvalid, id, "name")
	}
	at, ok := date(stamp)
	if !ok {
		return at, "", fmt.Errorf("%w %q: %s is no date and time", ErrInvalid, id, stamp)
	}
	return at, strings.TrimPrefix(id[len(stamp):], "_"), nil
}

// date is the time that a timestamp names, false if there is no such time.
func date(stamp string) (at time.Time, ok bool) {
	var digits [14]int
	n := 0
	for i := range len(stamp) {
		if stamp[i] != '_' {
			digits[n] = int(stamp[i] - '0')
			n++
		}
	}
	two := func(i int) int { return 10*digits[i] + digits[i+1] }
	year, month, day := 100*two(0)+two(2), two(4), two(6)
	hour, minute, second := two(8), two(10), two(12)
	if month < 1 || month > 12 || day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC), true
}

// daysOf is the number of days that a month has.
func daysOf(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// plain reports whether a text has only what an ID may have, and begins as one.
func plain(id string) bool {
	for i := range len(id) {
		if inID[id[i]] == never {
			return false
		}
	}
	return id != "" && inID[id[0]] == anywhere
}

// inID says where a byte may stand in an ID.
var inID = func() (may [256]uint8) {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range len(letters) {
		may[letters[i]] = anywhere
	}
	for _, sign := range "_.:/-" {
		may[sign] = later
	}
	return may
}()

const (
	never = iota
	later // not at the beginning
	anywhere
)

// stampOf is the timestamp that an ID begins with, "" if it has none.
func stampOf(id string) string {
	for _, form := range stamps {
		if len(id) >= len(form) && alike(id[:len(form)], form) && (len(id) == len(form) || id[len(form)] == '_') {
			return id[:len(form)]
		}
	}
	return ""
}

// alike reports whether a text has digits where form has them, and else the same.
func alike(text, form string) bool {
	for i := range len(form) {
		if digit := '0' <= text[i] && text[i] <= '9'; digit != (form[i] == '0') || !digit && text[i] != form[i] {
			return false
		}
	}
	return true
}

// Quoted is an ID as an error shows it: as it is if it is valid, else so that it does no harm.
func Quoted(id string) string {
	if len(id) <= MaxBytes && plain(id) {
		return id
	}
	return fmt.Sprintf("%.*q", MaxBytes, id)
}
