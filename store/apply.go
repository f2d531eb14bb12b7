package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"
)

// apply makes the changes of a batch, item by item.
func (m *Memory) apply(lease Lease, b Batch) (refused []string, err error) {
	current, now := m.isCurrent(lease), m.clock.Now()
	check := func(id string, ok bool) {
		if !ok {
			refused = append(refused, id)
		}
	}
	for i := range b.Outcomes {
		check(b.Outcomes[i].ID, m.settle(lease, current, now, &b.Outcomes[i]))
	}
	for _, s := range b.Saves {
		check(s.ID, m.save(&s))
	}
	for _, p := range b.Headway {
		check(p.ID, m.progress(&p, now))
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

// settle closes an attempt.
func (m *Memory) settle(lease Lease, current bool, now time.Time, o *Outcome) bool {
	e := m.lines[o.ID]
	if !e.isOpen(o.Token) {
		return false
	}
	if o.Lost && (!current || !m.isDead(lease, &e.Entry, now)) {
		return false
	}
	a := &e.attempts[len(e.attempts)-1]
	e.State, e.Token, e.Error = o.State, Token{}, o.Error
	completed, byHand := o.State == Succeeded || o.State == RolledBack, a.direction == ByHand
	switch {
	case o.Withdrawn, byHand && completed && e.Seq != 0:
	case completed:
		m.completed++
		e.Seq = m.completed
	case a.direction != Rollback:
		e.Seq = 0
	}
	if o.Saved != nil {
		e.Saved = slices.Clone(o.Saved)
	}
	switch {
	case o.Lost:
		e.Crashes++
	case !o.Interrupted && !o.Withdrawn:
		e.Crashes = 0
	}
	switch plain := !o.Lost && !o.Interrupted && !o.Withdrawn; {
	case byHand:
		e.Failures = 0
	case plain && a.direction == Forward && (o.State == Failed || o.State == Tolerated):
		e.Failures++
	}
	if !o.Withdrawn {
		e.Permanent = o.Permanent
	}
	a.finished, a.state, a.err = now, o.State, o.Error
	a.lost, a.interrupted, a.withdrawn, a.permanent = o.Lost, o.Interrupted, o.Withdrawn, o.Permanent
	return true
}

// isDead reports whether the owner of an open attempt has died, for the holder of a lease.
func (m *Memory) isDead(lease Lease, e *Entry, now time.Time) bool {
	switch {
	case e.Lease != lease.Name:
		return false
	case e.Life != "":
		return m.heldAt(e.Life, now) == nil
	default:
		return e.Fence < lease.Epoch
	}
}

func (m *Memory) save(s *Snapshot) bool {
	e := m.lines[s.ID]
	if !e.isOpen(s.Token) {
		return false
	}
	if e.Saved == nil || !bytes.Equal(e.Saved, s.Data) {
		e.Crashes = 0
	}
	e.Saved = append([]byte{}, s.Data...)
	return true
}

func (m *Memory) progress(p *Headway, now time.Time) bool {
	e := m.lines[p.ID]
	if !e.isOpen(p.Token) {
		return false
	}
	if e.Done, e.Total, e.Moved = p.Done, p.Total, now; e.Done > e.Best {
		e.Best, e.Crashes = e.Done, 0
	}
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
	}
	if c.Generation > e.Generation {
		e.Saved, e.Done, e.Total, e.Best, e.Moved, e.Failures, e.Crashes = nil, 0, 0, 0, time.Time{}, 0, 0
	}
	e.Run, e.Delivery, e.Generation, e.Attempt, e.Checksum = c.Run, c.Delivery, c.Generation, c.Attempt, c.Checksum
	e.Token, e.Lease, e.Fence, e.Life, e.Binary = c.Token, lease.Name, lease.Epoch, c.Life, c.Owner.Binary
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
		m.started++
		m.runs = append(m.runs, Run{ID: r.ID, Number: m.started, Started: now})
	}
	have := &m.runs[i]
	have.Strategy, have.State, have.Owner, have.Reason = r.Strategy, r.State, r.Owner, r.Reason
	have.Work, have.Selection, have.Saga, have.Error = r.Work, r.Selection, r.Saga, r.Error
	have.Lease, have.Epoch, have.Finished = lease.Name, lease.Epoch, time.Time{}
	if r.State.Stopped() {
		have.Finished = now
	}
}
