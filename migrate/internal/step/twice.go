package step

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// changes is a single statement that fails if it is done already, unless it means to be done twice.
var changes = regexp.MustCompile(`(?i)^\s*(CREATE|ALTER|DROP)\b[^;]*;?\s*$`)

// What a change makes that must not be there, and what it takes that must be.
var (
	makes = regexp.MustCompile(`(?i)^\s*CREATE\b|\b(ADD|RENAME)\b`)
	takes = regexp.MustCompile(`(?i)\b(DROP|RENAME)\b`)
)

// The codes of Postgres for tables, schemas, columns, objects and functions.
var (
	duplicate = []string{"42P07", "42P06", "42701", "42710", "42723"}
	undefined = []string{"42P01", "3F000", "42703", "42704", "42883"}
)

// made reports whether the error of a change says that it was made before.
func made(words string, err error) bool {
	if err == nil {
		return false
	}
	text := err.Error() // SQLite has one code for all of them
	code := sqlState(err)
	exists := slices.Contains(duplicate, code) || code == "" && (strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name"))
	gone := slices.Contains(undefined, code) || code == "" && strings.Contains(text, "no such ")
	return exists && makes.MatchString(words) || gone && takes.MatchString(words)
}

// refused reports whether the database has answered that it did not do it.
func refused(ctx context.Context, err error) bool {
	code := sqlState(err)
	return ctx.Err() == nil && (code != "" && code[:2] != "08" && code[:2] != "57" || strings.Contains(err.Error(), "SQL logic error"))
}

func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) && len(e.SQLState()) == 5 {
		return e.SQLState()
	}
	return ""
}
