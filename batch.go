package seq

import (
	"github.com/sequencer-go/seq/store"
	"slices"
)

// empty makes room for other items.
func emptyBatch(b *store.Batch) {
	b.Outcomes, b.Saves, b.Headway = b.Outcomes[:0], b.Saves[:0], b.Headway[:0]
	b.Marks, b.Claims, b.Run = b.Marks[:0], b.Claims[:0], nil
}

// add puts the items of another batch behind its own.
func addBatch(b, more *store.Batch) {
	b.Outcomes = append(b.Outcomes, more.Outcomes...)
	b.Saves = append(b.Saves, more.Saves...)
	b.Headway = append(b.Headway, more.Headway...)
	b.Marks = append(b.Marks, more.Marks...)
	b.Claims = append(b.Claims, more.Claims...)
	if more.Run != nil {
		b.Run = more.Run
	}
}

// ids are those of all items.
func batchIDs(b *store.Batch) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := range b.Outcomes {
			if !yield(b.Outcomes[i].ID) {
				return
			}
		}
		for i := range b.Saves {
			if !yield(b.Saves[i].ID) {
				return
			}
		}
		for i := range b.Headway {
			if !yield(b.Headway[i].ID) {
				return
			}
		}
		for i := range b.Marks {
			if !yield(b.Marks[i].ID) {
				return
			}
		}
		for i := range b.Claims {
			if !yield(b.Claims[i].ID) {
				return
			}
		}
	}
}

// among are the IDs of the batch that are in a list.
func amongBatch(b *store.Batch, list []string) (ids []string) {
	for id := range batchIDs(b) {
		if slices.Contains(list, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
