// Package operations is what the quickstart has to do, one op per file. Each file registers its
// op, whose ID is the name of the file; whoever imports the package has all of them, and
// [seq.New] without ops takes them. They find their database in their context.
package operations
