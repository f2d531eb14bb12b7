// Command marks runs the benchmarks in rounds and prints the medians, each beside those of its
// peers and the mark that it should meet. Run it from the root of the repository:
//
//	go run ./bench/cmd/marks
//
// A ledger of a million entries is measured in the first round only.
//
// One round runs every benchmark once, so that what disturbs the machine for a while disturbs all
// of them alike. The lines that the benchmarks print go to the file of -o, for benchstat.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each benchmark runs")
	pattern := flag.String("bench", ".", "which benchmarks run, as for go test -bench")
	long := flag.Duration("benchtime", 200*time.Millisecond, "how long each one runs in a round; those that take longer run once")
	output := flag.String("o", filepath.Join(os.TempDir(), "seq-bench.txt"), "where the lines for benchstat go; with -rounds=0, where they are read from")
	flag.Parse()
	if err := run(*rounds, *pattern, *long, *output); err != nil {
		fmt.Fprintln(os.Stderr, "marks:", err)
		os.Exit(1)
	}
}

func run(rounds int, pattern string, long time.Duration, output string) error {
	if rounds > 0 {
		if err := measure(rounds, pattern, long, output); err != nil {
			return err
		}
	}
	file, err := os.Open(output)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	samples, err := read(file, output)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, %d processors. Medians; the lines are in %s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), output)
	return samples.table(os.Stdout, pattern == ".")
}

// measure builds the benchmarks once and runs them round by round.
func measure(rounds int, pattern string, long time.Duration, output string) (err error) {
	dir, err := os.MkdirTemp("", "seq-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	binary := filepath.Join(dir, "bench.test")
	if err := command(io.Discard, "go", "test", "-c", "-o", binary, "github.com/sequencer-go/seq/bench"); err != nil {
		return err
	}
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d, %s\n", round+1, rounds, time.Now().Format(time.TimeOnly))
		if round > 0 {
			_ = os.Unsetenv("SEQ_BENCH_MILLION") // it takes minutes
		} else {
			_ = os.Setenv("SEQ_BENCH_MILLION", "1")
		}
		err := command(file, binary, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+long.String(), "-test.timeout=1h")
		if err != nil {
			return fmt.Errorf("round %d: %w; the lines so far are in %s", round+1, err, output)
		}
	}
	return nil
}

// command runs a program, and shows what it says as it goes if that is not thrown away.
func command(out io.Writer, name string, args ...string) error {
	cmd := exec.Command(name, args...) //nolint:noctx // it ends with this process
	w := bufio.NewWriter(out)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	err := cmd.Run()
	return errors.Join(err, w.Flush())
}
