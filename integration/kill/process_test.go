package kill_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// A process is a child, as its parent sees it.
type process struct {
	order order
	cmd   *exec.Cmd
	log   bytes.Buffer // its stderr; read when it has ended
	ended chan struct{}
	end   time.Time

	mu   sync.Mutex
	said map[string]string
	told chan struct{} // closed and made anew with each line
}

// patience is how long anything may take that has no reason to.
const patience = 2 * time.Minute

// until asks again and again, until the answer is yes.
func until(ctx context.Context, limit time.Duration, what string, yes func() (bool, error)) error {
	for late := time.Now().Add(limit); ; {
		if over, err := yes(); over || err != nil {
			return err
		}
		if time.Now().After(late) {
			return fmt.Errorf("in vain until %s", what)
		}
		if err := clock.Sleep(ctx, clock.Wall(), 10*time.Millisecond); err != nil {
			return err
		}
	}
}

var self = func() string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exe
}()

// raceOptions are for the race detector, if there is one: without them an end takes a second.
const raceOptions = "atexit_sleep_ms=0"

// start starts a child. It is killed when ctx ends.
func start(ctx context.Context, o order) (*process, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &process{order: o, cmd: exec.CommandContext(ctx, self), ended: make(chan struct{}), said: map[string]string{}, told: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GORACE="+raceOptions)
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			what, value, _ := strings.Cut(lines.Text(), " ")
			p.mu.Lock()
			p.said[what] = value
			close(p.told)
			p.told = make(chan struct{})
			p.mu.Unlock()
		}
		_ = p.cmd.Wait() // its state says it all
		p.end = time.Now()
		close(p.ended)
	}()
	return p, nil
}

// hears waits until the child has said something, has ended, or time is up.
func (p *process) hears(what string, limit time.Duration) (value string, ok bool) {
	late := time.After(limit)
	for {
		p.mu.Lock()
		value, ok = p.said[what]
		told := p.told
		p.mu.Unlock()
		if ok {
			return value, ok
		}
		select {
		case <-told:
		case <-p.ended:
			p.mu.Lock()
			defer p.mu.Unlock()
			value, ok = p.said[what]
			return value, ok
		case <-late:
			return "", false
		}
	}
}

// wait waits for the child's end.
func (p *process) wait() error {
	select {
	case <-p.ended:
		if bytes.Contains(p.log.Bytes(), []byte("DATA RACE")) {
			return fmt.Errorf("%s", p)
		}
		return nil
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it tells where it hangs
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		return fmt.Errorf("it hangs: %s", p)
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// killed reports whether the child was.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// failed is the kinds of the child's error.
func (p *process) failed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(p.said["failed"], ",")
}

// claimed is when the child made its first claim.
func (p *process) claimed() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ns, err := strconv.ParseInt(p.said["claim"], 10, 64)
	return time.Unix(0, ns), err == nil
}

// String is for when something is wrong with the child, after its end.
func (p *process) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("process %d, %s, to die at %q: %v %v\n%s", p.cmd.Process.Pid, p.order.Scenario, p.order.Point, p.cmd.ProcessState, p.said, p.log.String())
}
