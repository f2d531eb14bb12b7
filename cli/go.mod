module github.com/sequencer-go/seq/cli

go 1.26.0

replace github.com/sequencer-go/seq => ../

require (
	github.com/mattn/go-isatty v0.0.24
	github.com/sequencer-go/seq v0.0.0-00010101000000-000000000000
	github.com/spf13/cobra v1.10.2
)

require (
	github.com/benbjohnson/clock v1.3.5 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
