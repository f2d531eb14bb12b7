module github.com/sequencer-go/seq/bench

go 1.26.0

replace (
	github.com/sequencer-go/seq => ../
	github.com/sequencer-go/seq/integration => ../integration
)

require (
	github.com/sequencer-go/seq v0.0.0-00010101000000-000000000000
	golang.org/x/sync v0.25.0
)

require github.com/benbjohnson/clock v1.3.5 // indirect
