// Package step makes ops of SQL scripts, whatever tool's files they came from.
package step

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A Script is one direction of a migration.
type Script struct {
	// Statements are sent one by one, each as it stands; one may hold several, which the database
	// tells apart.
	Statements []string
	// Alone says that the author wants no transaction.
	Alone bool
	// Tx says that the other tool sends the statements in one transaction, so that nothing in them
	// needs a commit before the next.
	Tx bool
	// Source is what the checksum is made of; "" means the statements.
	Source string
}

// Checksum is that of the script's source.
func (s *Script) Checksum() string {
	if s.Source != "" {
		return Checksum(s.Source)
	}
	return Checksum(strings.Join(s.Statements, "\n"))
}

// Delivery is what a migration can promise.
func Delivery(up, down *Script) seq.Delivery {
	if up.alone() || down.alone() {
		return seq.Repeatable
	}
	return seq.Transactional
}

// Op is the op of a migration. Without a down script it cannot be undone.
func Op(id string, up, down *Script) seq.Op {
	op := seq.Op{
		ID:       id,
		Kind:     seq.Migration,
		Delivery: Delivery(up, down),
		Checksum: up.Checksum(),
	}
	op.Run = up.run(op.Delivery)
	if down != nil {
		op.Rollback = down.run(op.Delivery)
	}
	return op
}

// run is the call of an op.
func (s *Script) run(delivery seq.Delivery) func(context.Context) error {
	if delivery == seq.Transactional {
		return func(ctx context.Context) error {
			return Within(ctx, bunstore.Tx(ctx), func() error {
				for _, stmt := range s.within() {
					if stmt == "" {
						continue
					}
					if _, err := bunstore.Tx(ctx).ExecContext(ctx, stmt); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return s.apart
}

// Inside deals with the statements of a script of which something else is sent in a transaction of
// ours. The script may be nil.
func (s *Script) Inside(db bun.IDB) func(ctx context.Context, query string) (bool, error) {
	if s == nil {
		return nil
	}
	within := s.within()
	return func(ctx context.Context, query string) (bool, error) {
		i := slices.Index(s.Statements, query)
		if i < 0 || within[i] == query {
			return false, nil
		}
		if within[i] == "" {
			return true, nil
		}
		_, err := db.ExecContext(ctx, within[i])
		return true, err
	}
}

// Checksum is the SHA-256 of a source, in hexadecimal. Line endings, blank lines and the lines by
// which bun splits a file do not count, so that it is the same whoever read the file.
func Checksum(source string) string {
	h := sha256.New()
	lines := bufio.NewScanner(strings.NewReader(source))
	lines.Buffer(nil, len(source)+1)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "--bun:") {
			continue
		}
		_, _ = h.Write([]byte(line + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
