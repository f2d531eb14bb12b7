package clock

import (
	"time"

	bclock "github.com/benbjohnson/clock"
)

// A Mock is a clock that stands still until it is moved. Whoever waits on it must have reached
// the wait before it moves: inside a testing/synctest bubble, call synctest.Wait first.
type Mock struct {
	wrapped
	mock *bclock.Mock
}

// NewMock returns a clock that stands at now.
func NewMock(now time.Time) *Mock {
	m := bclock.NewMock()
	m.Set(now)
	return &Mock{wrapped{m}, m}
}

// Add moves the clock forward by d and makes the calls that have become due on the way.
func (m *Mock) Add(d time.Duration) { m.mock.Add(d) }

// Set moves the clock to t and makes the calls that have become due on the way.
func (m *Mock) Set(t time.Time) { m.mock.Set(t) }
