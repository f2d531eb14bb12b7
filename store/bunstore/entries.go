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
// is left out. A direction is only looked at: it is the attempt's.
const entryWords = `CASE WHEN token IS NULL OR finished IS NOT NULL THEN '-' ELSE token END || ' ' || fence || ' ' || seq || ' ' ||
		CASE WHEN state = 'succeeded' AND delivery = 'repeatable' AND generation = 1 AND attempt = 1 AND crashes = 0 AND failures = 0
			AND NOT permanent AND not_before IS NULL AND done = 0 AND total = 0 AND best = 0 AND moved IS NULL AND lease = 'run' AND life = '' AND direction = 'run'
			THEN '-'
			ELSE '+ ' || state || ' ' || delivery || ' ' ||
				CASE WHEN direction IN ('run', 'rollback', 'by hand') THEN '-' ELSE direction END || ' ' ||
				generation || ' ' || attempt || ' ' || crashes || ' ' || failures || ' ' || CASE WHEN permanent THEN 1 ELSE 0 END || ' ' ||
				CASE WHEN not_before IS NULL THEN '-' ELSE CAST(not_before AS text) END || ' ' || done || ' ' || total || ' ' || best || ' ' || coalesce(moved, 0) || ' ' ||
				CASE WHEN lease = '' THEN '-' ELSE lease END || ' ' || CASE WHEN life = '' THEN '-' ELSE life END
		END || ' ' || run`

var (
	selectOps   = define("load", `SELECT id, nullif(checksum, ''), nullif(error, ''), nullif(executable, ''), saved, `+entryWords+` FROM {ops} WHERE ns = {ns} AND {here}`)
	selectSome  = define("select", `SELECT id, nullif(checksum, ''), nullif(error, ''), nullif(executable, ''), saved, `+entryWords+` FROM {ops} WHERE ns = {ns} AND id IN (@ids) AND {here}`)
	selectBrief = define("brief", `SELECT id, nullif(checksum, ''), nullif(error, ''), CASE WHEN state = 'succeeded' THEN NULL ELSE nullif(executable, '') END,
		CASE WHEN state = 'succeeded' THEN NULL ELSE saved END,
		CASE WHEN state = 'succeeded' THEN NULL ELSE `+entryWords+` END FROM {ops} WHERE ns = {ns} AND {here}
		UNION ALL SELECT id, NULL, NULL, NULL, NULL, '`+sagaWord+`' FROM {runs} WHERE ns = {ns} AND saga AND `+unfinished+` AND {here}`)
)

// sagaWord stands for the words of an entry in a row that is a run.
const sagaWord = "saga"

// Load implements [store.Reader].
func (s *Store) Load(ctx context.Context) ([]store.Entry, error) {
	many := int(s.size.Load())
	blocks := [][]store.Entry{make([]store.Entry, 0, max(many+many/8, 32))} // one long slice that grows would be copied again and again
	err := s.entries(ctx, selectOps, func(e store.Entry) {
		last := len(blocks) - 1
		if len(blocks[last]) == cap(blocks[last]) {
			blocks = append(blocks, make([]store.Entry, 0, blockSize(last)))
			last++
		}
		blocks[last] = append(blocks[last], e)
	}, nil)
	if err != nil {
		return nil, err
	}
	all := blocks[0]
	if len(blocks) > 1 {
		all = slices.Concat(blocks...)
	}
	return all, nil
}

// Select implements [store.Selector]. More IDs than one statement should hold are several.
func (s *Store) Select(ctx context.Context, ids []string) ([]store.Entry, error) {
	entries := make([]store.Entry, 0, len(ids))
	for chunk := range slices.Chunk(ids, chunkRows) {
		err := s.entries(ctx, selectSome, func(e store.Entry) { entries = append(entries, e) }, nil, arg{"ids", list(chunk)})
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// blockSize is how many entries the block after the n-th has room for. There is a limit to n first: a
// shift by as many bits as there may be blocks makes a negative number.
func blockSize(n int) int { return 32 << min(n, 7) }

// Brief implements [store.Briefer].
func (s *Store) Brief(ctx context.Context, each func(store.Entry)) (sagas []string, err error) {
	err = s.entries(ctx, selectBrief, each, &sagas)
	return sagas, err
}

func (s *Store) entries(ctx context.Context, st *statement, each func(store.Entry), sagas *[]string, args ...arg) error {
	run, n := "", int64(0) // the run is that of the row before
	err := s.read(ctx, "ops", func(r *row) error {
		e := store.Entry{ID: r.text(0), Checksum: r.text(1), Error: r.text(2), Binary: r.text(3), Saved: r.bytes(4), State: store.Succeeded}
		err := readable(e.ID)
		if err == nil && r.values[5] != nil && sagas != nil && r.text(5) == sagaWord {
			*sagas = append(*sagas, strings.Clone(e.ID))
			return nil
		}
		if err == nil && r.values[5] != nil {
			e.Run, e.Generation, e.Attempt, e.Lease = run, 1, 1, store.RunLease
			err = readWords(&e, r.text(5))
			run = e.Run
		}
		if err == nil && e.State.Open() && e.Token.IsZero() {
			err = fmt.Errorf("%w: it is %s, and has no token", store.ErrUnknownValue, e.State)
		}
		if err != nil {
			return fmt.Errorf("op %.100q: %w", e.ID, err)
		}
		n++
		each(e)
		return nil
	}, st, args...)
	if err == nil && st != selectSome {
		s.size.Store(n)
	}
	return err
}

// readWords reads the words of selectOps into an entry that has what most have.
func readWords(e *store.Entry, text string) (err error) {
	w := wordReader{rest: text}
	if token := w.next(); token != "-" {
		e.Token, err = store.ParseToken(token)
		w.failed(err)
	}
	e.Fence, e.Seq = w.number(), w.number()
	if w.next() == "+" {
		w.vocabulary(e)
		e.Generation, e.Attempt, e.Crashes, e.Failures = int(w.number()), int(w.number()), int(w.number()), int(w.number())
		e.Permanent = w.number() != 0
		if strings.HasPrefix(w.rest, "- ") {
			w.next()
		} else {
			e.NotBefore = time.UnixMilli(w.number()).UTC()
		}
		e.Done, e.Total, e.Best = w.number(), w.number(), w.number()
		if moved := w.number(); moved != 0 {
			e.Moved = time.UnixMilli(moved).UTC()
		}
		e.Lease, e.Life = w.name(), w.name()
	}
	if w.rest != e.Run { // else the one before shares its text
		e.Run = strings.Clone(w.rest)
		w.failed(readable(e.Run))
	}
	return w.err
}

// wordReader reads words one after another.
type wordReader struct {
	rest string
	err  error // the first
}

func (w *wordReader) next() (word string) {
	word, w.rest, _ = strings.Cut(w.rest, " ")
	return word
}

// vocabulary reads the words of which a newer library may have more.
func (w *wordReader) vocabulary(e *store.Entry) {
	strange := func(what, word string) {
		text, err := unknown(what, word)
		w.failed(err)
		if e.Unknown == "" {
			e.Unknown = text
		}
	}
	word := w.next()
	state, err := store.ParseState(word)
	if e.State = state; err != nil {
		strange("state", word)
	}
	word = w.next()
	if e.Delivery, err = store.ParseDelivery(word); err != nil {
		strange("delivery", word)
	}
	if word = w.next(); word != "-" {
		strange("direction", word)
	}
	if e.Unknown != "" {
		e.State = store.UnknownState
	}
}

// name is a name, of which a few are shared by all entries.
func (w *wordReader) name() string {
	switch word := w.next(); word {
	case "-":
		return ""
	case store.RunLease:
		return store.RunLease
	default:
		w.failed(store.CheckLeaseName(word))
		return strings.Clone(word)
	}
}

func (w *wordReader) number() int64 {
	word := w.next()
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		w.failed(fmt.Errorf("%w: want a number, got %.100q", store.ErrUnknownValue, word))
	}
	return n
}

func (w *wordReader) failed(err error) {
	if w.err == nil {
		w.err = err
	}
}
