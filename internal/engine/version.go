package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A renaming is a file of which the ledger has the version under another ID.
type renaming struct {
	task int
	old  string
	same bool // content; else the two are not one file
}

// isFile reports whether the version is the identity of a task, and so its ID's timestamp.
func (t *Task) isFile() bool { return t.Alias != "" && t.Checksum != "" && t.Kind == plan.Migration }

// adoptVersions hands what the ledger knows of a version to the file that has the version now, where the
// content is the same. An ID that failed, or was undone, has left nothing behind and is nobody's version
// any more, unless its content is the same.
func (p *Planning) adoptVersions() {
	var at map[time.Time][]*store.Entry // of what the code does not have
	for _, i := range p.catalog.files {
		t := p.catalog.tasks[i]
		if p.entries[t.task.ID] != nil {
			continue
		}
		if at == nil {
			at = p.unclaimedVersions()
		}
		found := at[t.at]
		if len(found) == 0 {
			continue
		}
		slices.SortFunc(found, byID)
		e := found[0]
		if n := slices.IndexFunc(found, func(e *store.Entry) bool { return e.Checksum == t.task.Checksum }); n >= 0 {
			e = found[n]
		}
		same := e.Checksum == t.task.Checksum
		if !same && (e.State == store.Failed || e.State == store.RolledBack || e.State == store.Pending || e.State == store.Skipped) {
			continue
		}
		p.versions = append(p.versions, renaming{task: i, old: e.ID, same: same})
		if !same {
			continue
		}
		at[t.at] = slices.DeleteFunc(found, func(other *store.Entry) bool { return other == e })
		if p.formerly == nil {
			p.formerly = map[string]string{}
		}
		p.formerly[e.ID] = t.task.ID
		p.adoptFrom(t.task, e)
		delete(p.entries, e.ID)
	}
}

// unclaimedVersions are the entries with a checksum that no task has, by their timestamps.
func (p *Planning) unclaimedVersions() map[time.Time][]*store.Entry {
	at := map[time.Time][]*store.Entry{}
	for id, e := range p.entries {
		if _, known := p.catalog.index[id]; known || e.Checksum == "" {
			continue
		}
		if when, _, err := ident.Parse(id); err == nil {
			at[when] = append(at[when], e)
		}
	}
	return at
}

// otherVersions is an error for files of which the ledger has the version with other content.
func (p *Planning) otherVersions() error {
	var errs []error
	for _, r := range p.versions {
		t := p.catalog.tasks[r.task]
		if !r.same && p.req.takes(t) {
			errs = append(errs, fmt.Errorf("%w: %s (%s) has the version of %s, which is in the ledger with other content: "+
				"give the file a version of its own; if it is the same migration, undo the edit or say RenamedFrom; "+
				"if two services share the database, give each its own namespace", ErrDrift, t.task.ID, t.task.Alias, ident.Quoted(r.old)))
		}
	}
	return errors.Join(errs...)
}
