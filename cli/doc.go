// Package cli turns a binary that embeds seq into an operator's tool: what will happen, what is
// happening, why is it not moving, what can I do now.
//
//	func main() { cli.Main(seq.New(store)) }
//
// or, below a cobra tree of your own, whose context ends when the process is to stop:
//
//	root.AddCommand(cli.Command(seq.New(store)))
//	os.Exit(cli.ExitCode(root.ExecuteContext(ctx)))
//
// or, below a tree of any other library, [Execute] with the arguments that are left.
//
// Every command answers --help with examples, and --json with one JSON document; run, due, serve
// and rollback write one JSON document a line, an event each, the report last. What people do by
// hand is recorded with who (--by, by default $USER) and why (--reason). Exit codes are the
// constants [OK] to [Interrupted]. Colour and the live view appear on a terminal only, and NO_COLOR
// turns colour off. Error texts of ops are shown with everything in them that could steer a
// terminal made visible.
package cli
