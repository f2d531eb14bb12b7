// Package operations is what the quickstart has to do, one op per file. Each file registers its
// op, whose ID is the name of the file; whoever imports the package has all of them, and
// [seq.New] without ops takes them.
package operations

import "github.com/uptrace/bun"

// DB is the database of the ops that are not Transactional, which write at their own pace. (The
// others get a transaction with their context.) main sets it before the run.
var DB *bun.DB
