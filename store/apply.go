package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// apply makes the changes of a batch, item by item.
func (m *Memory) apply(lease Lease, b Batch) (refused []string, err error) {
	current, now := m.lease == lease && !lease.Holder.IsZero(), m.clock.Now()
	check := func(id string, ok bool) {
		if !ok {
			refused = append(refused, id)
		}
	}
	for i := range b.Outcomes {
		check(b.Outcomes[i].ID, m.settle(lease, current, now, &b.Outcomes[i]))
	}
	for _, s := range b.Saves {
		open := m.isOpen(s.ID, s.Token)
		if open {
			m.lines[s.ID].Saved = slices.Clone(s.Data)
		}
		check(s.ID, open)
	}
	for _, p := range b.Headway {
		open := m.isOpen(p.ID, p.Token)
		if open {
			m.lines[p.ID].Done, m.lines[p.ID].Total = p.Done, p.Total
		}
		check(p.ID, open)
	}
	for i := range b.Marks {
		check(b.Marks[i].ID, current && m.mark(&b.Marks[i]))
	}
	for i := range b.Claims {
		check(b.Claims[i].ID, current && m.claim(lease, now, &b.Claims[i]))
	}
	if b.Run != nil && current {
		m.putRun(lease, b.Run)
	}
	if !current && (b.Run != nil || len(b.Marks) > 0 || len(b.Claims) > 0 || slices.ContainsFunc(b.Outcomes, func(o Outcome) bool { return o.Lost })) {
		err = fmt.Errorf("write: %w", ErrLeaseLost)
	}
	return refused, err
}

func (m *Memory) settle(lease Lease, current bool, now time.Time, o *Outcome) bool {
	e := m.lines[o.ID]
	if !e.isOpen(o.Token) {
		return false
	}
	if o.Lost && (!current || e.Fence >= lease.Epoch) {
		return false
	}
	e.State, e.Token, e.Error = o.State, Token{}, o.Error
	if o.Seq != 0 {
		e.Seq = o.Seq
	}
	if o.Saved != nil {
		e.Saved = slices.Clone(o.Saved)
	}
	if e.Crashes++; !o.Lost {
		e.Crashes = 0
	}
	a := &e.attempts[len(e.attempts)-1]
	a.finished, a.state, a.lost, a.err = now, o.State, o.Lost, o.Error
	return true
}

func (m *Memory) mark(k *Mark) bool {
	e := m.lines[k.ID]
	if e == nil {
		if k.Attempt != 0 {
			return false
		}
		e = m.add(k.ID)
	}
	if !e.Token.IsZero() || e.Attempt != k.Attempt {
		return false
	}
	e.State, e.Run, e.NotBefore, e.Error = k.State, k.Run, k.NotBefore, k.Reason
	e.Seq, e.Checksum = cmp.Or(k.Seq, e.Seq), cmp.Or(k.Checksum, e.Checksum)
	if k.Seq != 0 {
		e.Fence = 0
	}
	return true
}

func (m *Memory) claim(lease Lease, now time.Time, c *Claim) bool {
	e := m.lines[c.ID]
	if e == nil {
		if c.Attempt != 1 {
			return false
		}
		e = m.add(c.ID)
	}
	if !e.Token.IsZero() || e.Attempt != c.Attempt-1 {
		return false
	}
	e.State = Running
	if c.Direction == Rollback {
		e.State = RollingBack
	} else {
		e.Seq = 0
	}
	e.Run, e.Delivery, e.Generation, e.Attempt = c.Run, c.Delivery, c.Generation, c.Attempt
	e.Token, e.Fence, e.Checksum, e.Done, e.Total = c.Token, lease.Epoch, c.Checksum, 0, 0
	if m.owner == nil || *m.owner != c.Owner {
		owner := c.Owner
		m.owner = &owner
	}
	e.attempts = append(e.attempts, attempt{
		number: c.Attempt, direction: c.Direction, run: c.Run, owner: m.owner, started: now, state: e.State,
	})
	return true
}

func (m *Memory) putRun(lease Lease, r *Run) {
	now := m.clock.Now()
	i := slices.IndexFunc(m.runs, func(have Run) bool { return have.ID == r.ID })
	if i < 0 {
		i = len(m.runs)
		m.runs = append(m.runs, Run{ID: r.ID, Started: now})
	}
	have := &m.runs[i]
	have.Strategy, have.State, have.Owner, have.Reason, have.Epoch, have.Finished = r.Strategy, r.State, r.Owner, r.Reason, lease.Epoch, time.Time{}
	if r.State.Final() {
		have.Finished = now
	}
}
