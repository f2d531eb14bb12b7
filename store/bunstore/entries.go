package bunstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sequencer-go/seq/store"
)

// What a row costs is its columns. So whatever holds no space comes as words of one column, with the run
// behind them, which may; and of an op that was done at its first attempt, as most are, what that means
// is left out.
const (
	entryWords = `CASE WHEN token IS NULL THEN '-' ELSE token END || ' ' || fence || ' ' || seq || ' ' ||
		CASE WHEN state = ?0 AND delivery = ?1 AND generation = 1 AND attempt = 1 AND crashes = 0 AND not_before IS NULL AND done = 0 AND total = 0
			THEN '-'
			ELSE '+ ' || state || ' ' || delivery || ' ' || generation || ' ' || attempt || ' ' || crashes || ' ' ||
				CASE WHEN not_before IS NULL THEN '-' ELSE CAST(not_before AS text) END || ' ' || done || ' ' || total
		END || ' ' || run`
	selectOps   = `SELECT id, nullif(checksum, ''), nullif(error, ''), saved, ` + entryWords + ` FROM ?ops WHERE ns = ?ns`
	selectBrief = `SELECT id, nullif(checksum, ''), nullif(error, ''), CASE WHEN state = ?0 THEN NULL ELSE saved END,
		CASE WHEN state = ?0 THEN NULL ELSE ` + entryWords + ` END FROM ?ops WHERE ns = ?ns`
)

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context) ([]store.Entry, error) {
	many := int(s.many.Load())
	blocks := [][]store.Entry{make([]store.Entry, 0, max(many+many/8, 32))} // one long slice that grows would be copied again and again
	err := s.entries(ctx, selectOps, func(e store.Entry) {
		last := len(blocks) - 1
		if len(blocks[last]) == cap(blocks[last]) {
			blocks = append(blocks, make([]store.Entry, 0, blockSize(last)))
			last++
		}
		blocks[last] = append(blocks[last], e)
	})
	if err != nil {
		return nil, err
	}
	all := blocks[0]
	if len(blocks) > 1 {
		all = slices.Concat(blocks...)
	}
	s.many.Store(int64(len(all)))
	return all, nil
}

// blockSize is how many entries the block after the n-th has room for. There is a limit to n first: a
// shift by as many bits as there may be blocks makes a negative number.
func blockSize(n int) int { return 32 << min(n, 7) }

// Brief implements [store.Briefer].
func (s *Store) Brief(ctx context.Context, each func(store.Entry)) error {
	return s.entries(ctx, selectBrief, each)
}

func (s *Store) entries(ctx context.Context, query string, each func(store.Entry)) error {
	run := "" // of the row before
	return s.read(ctx, "ops", func(r *row) error {
		e := store.Entry{ID: r.text(0), Checksum: r.text(1), Error: r.text(2), Saved: r.bytes(3), State: store.Succeeded}
		err := readable(e.ID)
		if err == nil && r.values[4] != nil {
			e.Run, e.Generation, e.Attempt = run, 1, 1
			err = readWords(&e, r.text(4))
			run = e.Run
		}
		if err == nil && e.State.Open() && e.Token.IsZero() {
			err = fmt.Errorf("%w: it is %s, and has no token", store.ErrUnknownValue, e.State)
		}
		if err != nil {
			return fmt.Errorf("op %.100q: %w", e.ID, err)
		}
		each(e)
		return nil
	}, query, store.Succeeded.String(), store.Repeatable.String())
}

// readWords reads the words of selectOps into an entry that has what most have.
func readWords(e *store.Entry, text string) (err error) {
	w := words{rest: text}
	if token := w.next(); token != "-" {
		e.Token, err = store.ParseToken(token)
		w.failed(err)
	}
	e.Fence, e.Seq = w.number(), w.number()
	if w.next() == "+" {
		e.State, err = store.ParseState(w.next())
		w.failed(err)
		e.Delivery, err = store.ParseDelivery(w.next())
		w.failed(err)
		e.Generation, e.Attempt, e.Crashes = int(w.number()), int(w.number()), int(w.number())
		if strings.HasPrefix(w.rest, "- ") {
			w.next()
		} else {
			e.NotBefore = time.UnixMilli(w.number()).UTC()
		}
		e.Done, e.Total = w.number(), w.number()
	}
	if w.rest != e.Run { // else the one before shares its text
		e.Run = strings.Clone(w.rest)
		w.failed(readable(e.Run))
	}
	return w.err
}

// words are read one after another.
type words struct {
	rest string
	err  error // the first
}

func (w *words) next() (word string) {
	word, w.rest, _ = strings.Cut(w.rest, " ")
	return word
}

func (w *words) number() int64 {
	word := w.next()
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		w.failed(fmt.Errorf("%w: want a number, got %.100q", store.ErrUnknownValue, word))
	}
	return n
}

func (w *words) failed(err error) {
	if w.err == nil {
		w.err = err
	}
}
