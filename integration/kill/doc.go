// Package kill holds tests that kill: real processes on a real database, ended by SIGKILL at
// every named point, at random, paused beyond their lease, cut off from their server, or robbed
// of the answer to a commit. An independent connection counts what their ops did, and an audit
// compares that with the ledger.
//
// Some two hundred kills with the figures at the end, every occurrence of every point and commit,
// and ten thousand kills at random:
//
//	go test -v ./integration/kill
//	go test -v ./integration/kill -kill.all -timeout 0
//	go test -v ./integration/kill -run TestKills/random -kill.rounds=6667 -timeout 0
//
// -kill.seed draws what is killed where; the moment of a kill is the machine's.
package kill
