package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Revoke implements [Store].
func (m *Memory) Revoke(ctx context.Context, name string) error {
	if err := CheckLeaseName(name); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if h := m.leases[name]; h != nil && !h.lease.Holder.IsZero() { // also one that has expired, which could be renewed
		h.lease.Holder, h.expires = Token{}, m.clock.Now()
	}
	return nil
}

// Ask implements [Store].
func (m *Memory) Ask(ctx context.Context, request Control) error {
	request, err := CleanRequest(request)
	if err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	before := m.control(request.ID)
	if request.Number != before.Number+1 || before.Wanted == WantCancel {
		return fmt.Errorf("%w: %s", ErrAsked, request.ID)
	}
	request.Asked = m.clock.Now()
	request.Heard, request.HeardAt, request.Note, request.NotedAt = before.Heard, before.HeardAt, before.Note, before.NotedAt
	m.asked[request.ID] = &request
	return nil
}

// Answer implements [Store].
func (m *Memory) Answer(ctx context.Context, lease Lease, answer Answer) error {
	if _, err := CleanRequest(Control{ID: answer.ID}); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if !m.isCurrent(lease) {
		return fmt.Errorf("answer: %w", ErrLeaseLost)
	}
	c, now := m.control(answer.ID), m.clock.Now()
	if seen := min(answer.Seen, c.Number); seen > c.Heard {
		c.Heard, c.HeardAt = seen, now
	}
	if note := cleanText(answer.Note); note != c.Note {
		c.Note, c.NotedAt = note, now
	}
	m.asked[answer.ID] = &c
	return nil
}

// Controls implements [Reader].
func (m *Memory) Controls(ctx context.Context) ([]Control, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var all []Control
	for _, id := range slices.Sorted(maps.Keys(m.asked)) {
		all = append(all, *m.asked[id])
	}
	return all, nil
}

// Control implements [Reader].
func (m *Memory) Control(ctx context.Context, id string) (Control, error) {
	if err := m.enter(ctx); err != nil {
		return Control{}, err
	}
	defer m.mu.Unlock()
	return m.control(id), nil
}

func (m *Memory) control(id string) Control {
	if c := m.asked[id]; c != nil {
		return *c
	}
	return Control{ID: id}
}
