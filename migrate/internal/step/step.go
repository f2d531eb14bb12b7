// Package step makes ops of SQL scripts, whatever tool's files they came from.
package step

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/dbsession"
	"github.com/sequencer-go/seq/migrate/internal/sqltext"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A Script is one direction of a migration. It must not be copied, nor changed once it was read.
type Script struct {
	// File is where it stands, for errors; "" if there is none.
	File string
	// Statements are sent one by one, each as it stands; one may hold several, which the database
	// tells apart.
	Statements []string
	// Alone says that the author wants no transaction.
	Alone bool
	// Tx says that the other tool sends the statements in one transaction, so that nothing in them
	// needs a commit before the next.
	Tx bool
	// Whole says that the other tool sends a file as one text, and commits what the text leaves open.
	Whole bool
	// Sum is the checksum of the source, see [Checksum]; "" means that of Source, or of the statements.
	Sum string
	// Source is what the checksum is made of, if Sum is "".
	Source string

	alike memo    // of a text that both databases read alike
	read  [2]memo // by dialect
}

// Checksum is that of the script's source.
func (s *Script) Checksum() string {
	switch {
	case s.Sum != "":
		return s.Sum
	case s.Source != "":
		return Checksum(s.Source)
	}
	return Checksum(strings.Join(s.Statements, "\n"))
}

// Delivery is what a migration can promise whichever database it will be for: Repeatable if one that
// the text may be meant for needs it to run in no transaction.
func Delivery(up, down *Script) seq.Delivery {
	var databases []sqltext.Dialect
	for _, d := range []sqltext.Dialect{sqltext.Postgres, sqltext.SQLite} {
		if up.plausible(d) && down.plausible(d) {
			databases = append(databases, d)
		}
	}
	if len(databases) == 0 {
		databases = []sqltext.Dialect{sqltext.Postgres, sqltext.SQLite}
	}
	for _, d := range databases {
		if Why(d, up, down) != "" {
			return seq.Repeatable
		}
	}
	return seq.Transactional
}

// plausible reports whether the script, which may be nil, may be meant for a database.
func (s *Script) plausible(d sqltext.Dialect) bool {
	return s == nil || s.on(d) == s.alike.facts ||
		!slices.ContainsFunc(s.Statements, func(text string) bool { return !sqltext.Plausible(text, d) })
}

// Why is why a migration cannot run in a transaction of ours on a database, "" if it can. Both scripts
// may be nil.
func Why(d sqltext.Dialect, up, down *Script) string {
	if why := up.Why(d); why != "" {
		return why
	}
	if why := down.Why(d); why != "" {
		return why
	}
	return ""
}

// Promise sets what a migration can promise, and what a plan says of it: whichever database it will be
// for, and, once that is known, on that one.
func Promise(op *seq.Op, up, down *Script) {
	found := promise(Delivery(up, down), cmp.Or(Why(sqltext.Postgres, up, down), Why(sqltext.SQLite, up, down)))
	op.Delivery, op.DeliveryNote, op.Connections = found.Delivery, found.DeliveryNote, found.Connections
	op.Inspect = func(_ context.Context, on seq.Inspection) (seq.Details, error) {
		return promiseOn(on.Store, found, up, down)
	}
}

// Apart makes an op Repeatable, which runs in no transaction of ours, and says why, whatever its
// scripts are. It holds one connection beside the ledger's.
func Apart(op *seq.Op, why string) {
	found := promise(seq.Repeatable, why)
	op.Delivery, op.DeliveryNote, op.Connections = found.Delivery, found.DeliveryNote, max(op.Connections, found.Connections)
	op.Inspect = nil
}

func promise(d seq.Delivery, why string) seq.Details {
	if d == seq.Transactional {
		return seq.Details{Delivery: d, DeliveryNote: "if the database allows"}
	}
	return seq.Details{Delivery: d, DeliveryNote: why, Connections: 1}
}

// promiseOn is what a migration promises on the database of a store; as found if it has none. What only
// psql understands there is an error.
func promiseOn(ledger store.Store, found seq.Details, up, down *Script) (seq.Details, error) {
	d, known := DialectOf(ledger)
	if !known {
		return found, nil
	}
	var errs []error
	for _, s := range []*Script{up, down} {
		if s != nil {
			errs = append(errs, s.named(s.on(d).err))
		}
	}
	why, delivery := Why(d, up, down), seq.Transactional
	if why != "" {
		delivery = seq.Repeatable
	}
	found = promise(delivery, why)
	if up != nil && up.on(d).statements == 0 {
		found.Notes = []string{"it has no statement"}
	}
	return found, errors.Join(errs...)
}

// run is the call of an op: in the transaction that it is given, or else apart.
func (s *Script) run(ctx context.Context) error {
	if !bunstore.InTx(ctx) {
		return s.named(s.apart(ctx))
	}
	return s.named(Within(ctx, s, func(tx bun.Tx) error { return s.Send(ctx, tx, "") }))
}

// named says which file failed.
func (s *Script) named(err error) error {
	if err == nil || s.File == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.File, err)
}

// Send executes the script in the transaction of its op, and then extra, in a session that is as it was
// before. On Postgres that is sent with the last statement. extra may be "".
func (s *Script) Send(ctx context.Context, tx bun.Tx, extra string) error {
	list := slices.DeleteFunc(slices.Clone(s.within(DialectOfConn(tx))), func(stmt string) bool { return stmt == "" })
	session := dbsession.In(ctx)
	reset := ""
	if session != nil {
		reset = session.ResetText(extra, s.plain())
	}
	if reset == "" && extra != "" {
		list = append(list, extra)
	}
	for i, stmt := range list {
		last := i == len(list)-1 && reset != ""
		if last {
			stmt += "\n;" + reset
		}
		res, err := tx.ExecContext(ctx, "?", bun.Safe(stmt))
		if err != nil {
			return err
		}
		if last {
			session.WasReset(res)
		}
	}
	return nil
}

// hidden are words of what a reset in the transaction would not see if it is asked to be quick.
var hidden = regexp.MustCompile(`(?i)\bPREPARE\b|\bDO\b|\bCALL\b|advisory`)

// plain reports whether the script prepares nothing and takes no locks that outlive the transaction,
// for all that it shows.
func (s *Script) plain() bool {
	return !slices.ContainsFunc(s.Statements, hidden.MatchString)
}

// Inside deals with the statements of a script of which something else is sent in a transaction of
// ours. The script may be nil.
func (s *Script) Inside(db bun.IDB) func(ctx context.Context, query string) (bool, error) {
	if s == nil {
		return nil
	}
	within := s.within(DialectOfConn(db))
	return func(ctx context.Context, query string) (bool, error) {
		i := slices.Index(s.Statements, query)
		if i < 0 || within[i] == query {
			return false, nil
		}
		if within[i] == "" {
			return true, nil
		}
		_, err := db.ExecContext(ctx, "?", bun.Safe(within[i]))
		return true, err
	}
}

// Checksum is the SHA-256 of a source, in hexadecimal. Line endings, blanks at the end of a line,
// blank lines and the lines by which bun splits a file do not count, so that it is the same whoever
// read the file and whatever an editor does on saving. Blanks at the beginning of a line count, since
// they may stand in a string.
func Checksum(source string) string {
	h := sha256.New()
	buf := make([]byte, 0, 4<<10)
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, " \t\r\n\f\v")
		if line == "" || strings.HasPrefix(line, "--bun:") {
			continue
		}
		if buf = append(append(buf, line...), '\n'); len(buf) > 3<<10 {
			_, _ = h.Write(buf)
			buf = buf[:0]
		}
	}
	_, _ = h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}
