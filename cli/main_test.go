package cli_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
)

const childEnv = "SEQ_CLI_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		child(file)
	}
	os.Exit(m.Run())
}

// child is a binary with cli.Main, whose op writes a file once nobody reads what it says any more.
func child(file string) {
	cli.Main(seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_waits", Run: func(context.Context) error {
			_, err := io.Copy(io.Discard, os.Stdin)
			return err
		}},
		seq.Op{ID: "2024_01_15_120100_writes", Run: func(context.Context) error {
			return os.WriteFile(file, nil, 0o600)
		}},
	))
}

func TestARunOutlivesWhoReadsIt(t *testing.T) {
	file := t.TempDir() + "/written"
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run")
	cmd.Env = append(os.Environ(), childEnv+"="+file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_, _ = bufio.NewReader(r).ReadString('\n')
	_ = r.Close() // as "run | head -1" does
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("a run whose output nobody reads: %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("its work is half done: %v", err)
	}
}

func TestAnAnswerWhoseReaderGoesAwayIsNoFailure(t *testing.T) {
	for _, args := range [][]string{{"plan", "--json"}, {"status"}, {"run", "--json"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close() // as head does once it has its lines
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir()+"/written")
		cmd.Stdout = w
		if out, err := cmd.Stderr, cmd.Run(); err != nil {
			t.Errorf("%q: %v\n%v", args, err, out)
		}
		_ = w.Close()
	}
}
