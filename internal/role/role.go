// Package role says which middleware switches something on in the engine. Its values can be named
// inside this module only, so that no other code can make a middleware that holds the record layer
// without recording.
package role

// A Role is what the engine does for a middleware that has it.
type Role struct{ name string }

// The roles.
var (
	Record     = &Role{"record"}     // claims and outcomes go to the sequencer's ledger
	Unrecorded = &Role{"unrecorded"} // they go to a ledger in memory that ends with the call
	Await      = &Role{"await"}      // the run waits for steps that are not due
	Retry      = &Role{"retry"}      // the retry policies of ops are kept by it
)

// String is the name of the role.
func (r *Role) String() string { return r.name }
