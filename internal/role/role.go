// Package role says which middleware switches something on in the engine. Its values can be named
// inside this module only, so that no other code can make a middleware that holds the record layer
// without recording.
package role

// A Role is what the engine does for a middleware that has it.
type Role struct {
	name string
	// Remote is who takes steps to workers, an *engine.Remote; nil for every other role.
	Remote any
}

// The roles.
var (
	Record     = &Role{name: "record"}     // claims and outcomes go to the sequencer's ledger
	Unrecorded = &Role{name: "unrecorded"} // they go to a ledger in memory that ends with the call
	Await      = &Role{name: "await"}      // the run waits for steps that are not due
	Retry      = &Role{name: "retry"}      // the retry policies of ops are kept by it
)

// NewRemote is the role of a middleware by which workers do the recording, under the lease of the run.
func NewRemote(via any) *Role { return &Role{name: "remote", Remote: via} }

// String is the name of the role.
func (r *Role) String() string { return r.name }
