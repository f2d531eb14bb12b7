//go:build unix

package cli_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/sequencer-go/seq/cli"
)

// process is a child whose first op runs until its standard input ends.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.Closer
	out  *bufio.Reader
	said string
}

func start(t *testing.T, file string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	p.hear("running")
	return p
}

// hear waits for a line that begins like this.
func (p *process) hear(prefix string) {
	p.t.Helper()
	for {
		line, err := p.out.ReadString('\n')
		p.said += line
		if err != nil {
			_ = p.cmd.Wait()
			p.t.Fatalf("no line %q: %s, after\n%s", prefix, p.cmd.ProcessState, p.said)
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
}

func (p *process) hangUp() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
}

// end lets the first op end, and returns the exit code.
func (p *process) end() int {
	p.t.Helper()
	_ = p.in.Close()
	rest, _ := io.ReadAll(p.out)
	p.said += string(rest)
	_ = p.cmd.Wait() // the code says it
	return p.cmd.ProcessState.ExitCode()
}

// TestAHangUpEndsARunInOrder: a connection that drops hangs up, often twice, by the shell and by the
// terminal.
func TestAHangUpEndsARunInOrder(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here, and so it is by what is started")
	}
	file := t.TempDir() + "/written"
	p := start(t, file, os.Args[0], "run")
	p.hangUp()
	p.hear("stopping")
	p.hangUp()
	if code := p.end(); code != cli.Interrupted {
		t.Errorf("exit code %d, want %d\n%s", code, cli.Interrupted, p.said)
	}
	if !strings.Contains(p.said, "succeeded") {
		t.Errorf("what ran was not recorded:\n%s", p.said)
	}
	if _, err := os.Stat(file); err == nil {
		t.Errorf("more was started:\n%s", p.said)
	}
}

func TestAHangUpThatIsIgnoredEndsNothing(t *testing.T) {
	file := t.TempDir() + "/written"
	p := start(t, file, "/bin/sh", "-c", `trap "" HUP; exec "$0" run`, os.Args[0]) // as nohup does
	p.hangUp()
	if code := p.end(); code != cli.OK {
		t.Errorf("exit code %d, want %d\n%s", code, cli.OK, p.said)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("its work is half done: %v\n%s", err, p.said)
	}
}
