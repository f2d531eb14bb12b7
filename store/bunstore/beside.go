package bunstore

// What follows is for packages that work beside the ledger, in the same database.

// SQLState is the SQLSTATE of a Postgres error, whichever driver it is of; "" of any other.
func SQLState(err error) string { return sqlState(err) }

// Transient reports whether an error of the database passes: a deadlock, a serialization failure, a lock
// that was not to be had. The transaction was undone and may be tried again.
func Transient(err error) bool { return err != nil && transient(err) }

// Expand writes the names of the ledger into the text of a statement: {ns} is its namespace, as a literal,
// {ops} and the like are its tables, {now} is the time by the database's clock in milliseconds since 1970.
// {dead_letters} is a table that package backfill keeps beside the ledger. It is the text itself if the store
// cannot be used.
func (s *Store) Expand(text string) string {
	if s.err != nil {
		return text
	}
	return s.expand.Replace(text)
}

// MissingTable reports whether an error of the database says that a table does not exist.
func MissingTable(err error) bool { return err != nil && missingTable(err) }
