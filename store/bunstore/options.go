package bunstore

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sequencer-go/seq/store"
)

// An Option adjusts a store.
type Option func(*options)

type options struct {
	prefix    string
	namespace string
	schema    string
	ttl       time.Duration
	owned     bool
	preparing *Preparing
}

// Prefix is what the names of the tables begin with, "seq_" by default: at most 40 lower-case
// letters, digits and underscores, the first no digit.
func Prefix(p string) Option { return func(o *options) { o.prefix = p } }

// Namespace keeps several sequencers apart that share the tables: each has a lease, runs and ops
// of its own. It is "default" by default, and at most 64 letters, digits and . _ : / - long, the
// first a letter or digit.
func Namespace(ns string) Option { return func(o *options) { o.namespace = ns } }

// Schema keeps the tables in a schema of the database, on Postgres only, instead of the one that the
// search path leads to: at most 63 lower-case letters, digits and underscores, the first no digit. It
// is created with the tables if it is missing. Statements name it, so that a pooler may stand in
// between.
func Schema(name string) Option { return func(o *options) { o.schema = name } }

// LeaseTTL is how long a dead process blocks the others, 15 s by default and at least 1 s. A
// process that is paused or cut off for longer loses its run to another one.
func LeaseTTL(d time.Duration) Option { return func(o *options) { o.ttl = d } }

// Owned hands the database over to the store, whose Close closes it.
func Owned() Option { return func(o *options) { o.owned = true } }

var (
	prefixes   = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)
	schemas    = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,62})?$`)
	namespaces = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$`)
)

func optionsOf(opts []Option) (options, error) {
	o := options{prefix: "seq_", namespace: "default", ttl: 15 * time.Second}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: bunstore."+format, append([]any{store.ErrInvalidOption}, args...)...))
	}
	if !prefixes.MatchString(o.prefix) {
		wrong("Prefix(%q): want up to 40 lower-case letters, digits and _, the first no digit", o.prefix)
	}
	if !namespaces.MatchString(o.namespace) {
		wrong("Namespace(%q): want up to 64 letters, digits and . _ : / -, the first a letter or digit", o.namespace)
	}
	if !schemas.MatchString(o.schema) {
		wrong("Schema(%q): want up to 63 lower-case letters, digits and _, the first no digit", o.schema)
	}
	if o.ttl < time.Second {
		wrong("LeaseTTL(%s): want at least 1s", o.ttl)
	}
	return o, errors.Join(errs...)
}
