package kill_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// A proxy stands between processes and their Postgres, and loses one commit.
type proxy struct {
	net.Listener
	network, addr string
	nth           int64
	how           manner
	lost          chan struct{} // closed when it is, if silently
	commits       atomic.Int64
	wg            sync.WaitGroup
	quit          context.CancelFunc
}

// A manner is how a commit is lost.
type manner int

const (
	unheard    manner = iota // the server never hears of it
	unanswered               // it is done, and nobody hears of that
	silently                 // unheard, and without an end of the connection that anybody would notice
)

func newProxy(ctx context.Context, dsn string, nth int, how manner) (*proxy, error) {
	network, addr, err := address(dsn)
	if err != nil {
		return nil, err
	}
	ctx, quit := context.WithCancel(ctx)
	p := &proxy{network: network, addr: addr, nth: int64(nth), how: how, lost: make(chan struct{}), quit: quit}
	var config net.ListenConfig
	if p.Listener, err = config.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		quit()
		return nil, err
	}
	p.wg.Go(func() {
		for {
			conn, err := p.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.pass(ctx, conn) })
		}
	})
	return p, nil
}

func (p *proxy) close() {
	p.quit()
	_ = p.Close()
	p.wg.Wait()
}

// dsn is the address of the proxy.
func (p *proxy) dsn(dsn string) string {
	host, port, err := net.SplitHostPort(p.Addr().String())
	if err != nil {
		panic(err)
	}
	return with(with(with(dsn, "host", host), "port", port), "sslmode", "disable")
}

// pass carries messages both ways until either side has enough.
func (p *proxy) pass(ctx context.Context, client net.Conn) {
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, p.network, p.addr)
	if err != nil {
		_ = client.Close()
		return
	}
	end := func() { _ = client.Close(); _ = server.Close() }
	defer end()
	defer context.AfterFunc(ctx, end)()
	var swallow, within atomic.Bool // within a transaction
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end()
		for in := bufio.NewReader(server); ; {
			m, err := message(in, true)
			if err != nil {
				return
			}
			if m[0] == 'Z' { // ready for the next
				within.Store(m[5] != 'I')
			}
			if !swallow.Load() {
				if _, err := client.Write(m); err != nil {
					return
				}
			} else if m[0] == 'Z' { // this one is committed
				return
			}
		}
	}()
	in, said := bufio.NewReader(client), sayings{}
	for first := true; ; first = false {
		m, err := message(in, !first)
		if err != nil {
			break
		}
		if !first && said.commits(m, within.Load()) && p.commits.Add(1) == p.nth {
			if p.how == silently {
				close(p.lost)
				<-ctx.Done()
			}
			if p.how != unanswered {
				break
			}
			swallow.Store(true)
		}
		if _, err := server.Write(m); err != nil {
			break
		}
	}
	if !swallow.Load() {
		end()
	}
	<-done
}

// sayings are the prepared statements of a session that write claims and outcomes.
type sayings map[string]bool

// commits reports whether a message to the server commits: a transaction, or claims and outcomes
// that are written without one.
func (s sayings) commits(m []byte, within bool) bool {
	writes := bytes.Contains(m, []byte("SELECT 's', "))
	switch m[0] {
	case 'Q':
	case 'P': // a name and a text; what has a name is made later
		if name, _, _ := bytes.Cut(m[5:], []byte{0}); len(name) > 0 {
			s[string(name)] = writes
			return false
		}
	case 'B': // a portal and a name
		_, rest, _ := bytes.Cut(m[5:], []byte{0})
		name, _, _ := bytes.Cut(rest, []byte{0})
		return !within && s[string(name)]
	default:
		return false
	}
	return bytes.Contains(m, []byte("commit\x00")) || !within && writes
}

// message reads one: a letter, but for the first, a length, and the rest.
func message(in io.Reader, letter bool) ([]byte, error) {
	head := make([]byte, 4, 64)
	if letter {
		head = head[:5]
	}
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	rest := make([]byte, max(0, int(binary.BigEndian.Uint32(head[len(head)-4:]))-4))
	_, err := io.ReadFull(in, rest)
	return append(head, rest...), err
}
