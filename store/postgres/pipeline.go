package postgres

import (
	"context"
	"database/sql/driver"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sequencer-go/seq/internal/pipeline"
)

// A tx is a transaction whose BEGIN and COMMIT go with queries. It is used by one goroutine at a time, as
// database/sql sees to.
type tx struct {
	conn  *conn
	ctx   context.Context
	begun bool  // the server has been sent BEGIN
	over  bool  // and COMMIT, behind a query that succeeded
	err   error // of the COMMIT
}

// query sends a query, BEGIN before it if that was not sent, and COMMIT behind it if that is asked for. What
// stands behind an error has no effect: the server skips it, or the transaction has failed by then.
func (t *tx) query(ctx context.Context, text string, values []any, prepare bool, commit *pipeline.Commit) (*answer, error) {
	c := t.conn.pgx()
	if c.IsClosed() {
		return nil, driver.ErrBadConn
	}
	trip := &trip{conn: c, build: &t.conn.build}
	if prepare {
		var err error
		if trip.prepared, err = c.Prepare(ctx, text, text); err != nil { // a trip of its own, the first time
			return nil, err
		}
	}
	first := 0
	if !t.begun {
		trip.before, first = "begin", 1
	}
	if commit != nil {
		trip.behind, commit.Sent = "commit", true
	}
	err := trip.make(ctx, text, values)
	if err != nil && commit == nil && pgconn.SafeToRetry(err) { // a COMMIT is never taken for not sent
		return nil, driver.ErrBadConn
	}
	t.begun = t.begun || len(trip.answers) > 0
	if len(trip.answers) <= first {
		return nil, err
	}
	if commit != nil {
		t.over, t.err = true, err
		if err == nil && trip.answers[first+1].tag != "COMMIT" {
			t.err = pgx.ErrTxCommitRollback
		}
		t.discard(t.err)
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return trip.answers[first], nil
}

// discard closes the connection if an error has left it in a transaction.
func (t *tx) discard(err error) {
	if err != nil && t.conn.pgx().PgConn().TxStatus() != 'I' {
		_ = t.conn.Close()
	}
}

// Commit implements [driver.Tx].
func (t *tx) Commit() error {
	t.conn.tx = nil
	if t.over || !t.begun {
		return t.err
	}
	tag, err := t.conn.pgx().Exec(t.ctx, "commit")
	t.discard(err)
	if err == nil && tag.String() != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	return err
}

// Rollback implements [driver.Tx].
func (t *tx) Rollback() error {
	t.conn.tx = nil
	c := t.conn.pgx()
	if t.over || c.IsClosed() || c.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := c.Exec(t.ctx, "rollback")
	t.discard(err)
	return err
}

// A trip is a query, with a command before it and one behind it that have no answer ("": none).
type trip struct {
	conn           *pgx.Conn
	before, behind string
	prepared       *pgconn.StatementDescription // nil: the values are in the text
	build          *pgx.ExtendedQueryBuilder
	answers        []*answer // of what succeeded, in order
}

// make sends all at once. The error is that of what came next after the answers.
func (t *trip) make(ctx context.Context, text string, values []any) error {
	if t.prepared == nil {
		return t.simple(ctx, text)
	}
	build := t.build
	if err := build.Build(t.conn.TypeMap(), t.prepared, values); err != nil {
		return err
	}
	// Between two commands the server is told that it may answer: else it would wait for what comes behind the
	// first, if that is cut off, as long as it takes, because a session idles in a transaction, and ends for it,
	// only after it has answered. COMMIT behind a record that failed undoes the transaction.
	p := t.conn.PgConn().StartPipeline(ctx)
	n := 1
	if t.before != "" {
		p.SendQueryParams(t.before, nil, nil, nil, nil)
		p.SendPipelineSync()
		n++
	}
	p.SendQueryStatement(t.prepared, build.ParamValues, build.ParamFormats, build.ResultFormats)
	if t.behind != "" {
		p.SendPipelineSync()
		p.SendQueryParams(t.behind, nil, nil, nil, nil)
		n++
	}
	err := p.Sync()
	for err == nil && n > 0 {
		var result any
		result, err = p.GetResults()
		if reader, is := result.(*pgconn.ResultReader); err == nil && is {
			err = t.read(reader)
			n--
		} else if err == nil && result == nil {
			break
		}
	}
	if cerr := p.Close(); err == nil {
		err = cerr
	}
	return err
}

// simple sends all as one text, which needs no more than any pooler passes on.
func (t *trip) simple(ctx context.Context, text string) error {
	if t.before != "" {
		text = t.before + ";\n" + text
	}
	if t.behind != "" {
		text += ";\n" + t.behind
	}
	results := t.conn.PgConn().Exec(ctx, text)
	var err error
	for err == nil && results.NextResult() {
		err = t.read(results.ResultReader())
	}
	if cerr := results.Close(); err == nil {
		err = cerr
	}
	return err
}

// read reads one answer.
func (t *trip) read(from *pgconn.ResultReader) error {
	a, types := &answer{}, t.conn.TypeMap()
	fields := from.FieldDescriptions()
	if len(fields) > 0 {
		a.columns = make([]string, len(fields))
	}
	for i := range fields {
		a.columns[i] = fields[i].Name
	}
	var derr error
	for from.NextRow() {
		row := make([]driver.Value, len(fields))
		for i, raw := range from.Values() {
			known, is := types.TypeForOID(fields[i].DataTypeOID)
			switch {
			case raw == nil:
			case !is:
				row[i] = string(raw)
			default:
				v, err := known.Codec.DecodeDatabaseSQLValue(types, fields[i].DataTypeOID, fields[i].Format, raw)
				if row[i] = v; err != nil {
					derr = err
				}
			}
		}
		a.rows = append(a.rows, row)
	}
	tag, err := from.Close()
	if a.tag = tag.String(); err == nil {
		err = derr
	}
	if err == nil {
		t.answers = append(t.answers, a)
	}
	return err
}

// An answer is the rows of a query, all of them.
type answer struct {
	columns []string
	rows    [][]driver.Value
	tag     string
}

// Columns implements [driver.Rows].
func (a *answer) Columns() []string { return a.columns }

// Close implements [driver.Rows].
func (a *answer) Close() error { return nil }

// Next implements [driver.Rows].
func (a *answer) Next(dest []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(dest, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}
