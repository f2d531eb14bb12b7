package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/internal/graph"
	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Catalog is a sequencer's tasks, checked once: in chronological order, with their dependencies as
// indices. It does not change.
type Catalog struct {
	tasks   []datedTask
	index   map[string]int // by ID, by earlier IDs, and by aliases
	deps    [][]int        // within the catalog
	foreign []foreign      // dependencies that only the ledger can know
	renamed []int          // the tasks that had other IDs, or take the place of others
	files   []int          // the tasks whose version is their identity, see Planning.adoptVersions
	aliased bool           // some have an alias
	err     error
}

// foreign is a dependency on an ID that is not registered.
type foreign struct {
	task int
	id   string
}

// NewCatalog checks tasks for a chain of middleware. origin says where an ID was registered, for the
// error that it is there twice.
func NewCatalog(tasks func(yield func(*Task) bool), size int, chain []middleware.Middleware, origin func(id string) string) *Catalog {
	c := &Catalog{tasks: make([]datedTask, 0, size), index: make(map[string]int, size)}
	var errs []error
	for t := range tasks {
		at, _, err := ident.Parse(t.ID)
		if err != nil {
			errs = append(errs, errors.Join(err, t.Err))
			continue
		}
		if err := t.check(chain); err != nil {
			errs = append(errs, err)
		}
		c.tasks = append(c.tasks, datedTask{t, at})
	}
	if !slices.IsSortedFunc(c.tasks, chronologically) { // they mostly are
		slices.SortStableFunc(c.tasks, chronologically)
	}
	for i := range c.tasks {
		id := c.tasks[i].task.ID
		if i > 0 && c.tasks[i-1].task.ID == id {
			errs = append(errs, fmt.Errorf("%w %s: registered twice%s", ErrInvalidOp, id, origin(id)))
			continue
		}
		c.index[id] = i
	}
	errs = append(errs, c.rename()...)
	c.alias()
	errs = append(errs, c.connect()...)
	c.err = errors.Join(errs...)
	return c
}

// check is what is wrong with a task in itself.
func (t *Task) check(chain []middleware.Middleware) error {
	switch {
	case t.Err != nil:
		return t.Err
	case t.Run == nil:
		return fmt.Errorf("%w %s: Run is nil", ErrInvalidOp, t.ID)
	case t.RollbackOnFailure && t.Rollback == nil:
		return fmt.Errorf("%w %s: RollbackOnFailure without a Rollback", ErrInvalidOp, t.ID)
	case t.MaxFailures < 0:
		return fmt.Errorf("%w %s: MaxFailures %d", ErrInvalidOp, t.ID, t.MaxFailures)
	case t.Delivery > store.Resumable || t.Kind > plan.Migration:
		return fmt.Errorf("%w %s: kind %d, delivery %d", ErrInvalidOp, t.ID, t.Kind, t.Delivery)
	case t.Delivery == store.Resumable && t.Kind == plan.Migration:
		return fmt.Errorf("%w %s: a migration cannot be resumable; move the data in an operation of its own", ErrInvalidOp, t.ID)
	case t.Delivery != store.Repeatable && !recorded(chain):
		return fmt.Errorf("%w: %s is %s, which nothing can keep without record", ErrInvalidStrategy, t.ID, t.Delivery)
	default:
		return errors.Join(t.checkPolicy(), t.checkBackground())
	}
}

// rename makes the earlier IDs of tasks, and the IDs that they replace, stand for them.
func (c *Catalog) rename() []error {
	var errs []error
	add := func(i int, field, old string) {
		id := c.tasks[i].task.ID
		_, _, err := ident.Parse(old)
		j, taken := c.index[old]
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %s: %w", id, field, err))
		case taken:
			errs = append(errs, fmt.Errorf("%w %s: %s %s, which is %s", ErrInvalidOp, id, field, old, c.tasks[j].task.ID))
		default:
			c.index[old] = i
		}
	}
	for i := range c.tasks {
		t := c.tasks[i].task
		if len(t.RenamedFrom)+len(t.Replaces) == 0 {
			continue
		}
		c.renamed = append(c.renamed, i)
		if len(t.RenamedFrom) > 0 && len(t.Replaces) > 0 {
			errs = append(errs, fmt.Errorf("%w %s: RenamedFrom and Replaces exclude each other", ErrInvalidOp, t.ID))
		}
		for _, old := range t.RenamedFrom {
			add(i, "RenamedFrom", old)
		}
		for _, old := range t.Replaces {
			add(i, "Replaces", old)
		}
	}
	return errs
}

// alias lets tasks be found by their other names, as far as those are not names of something else, and
// notes which are files.
func (c *Catalog) alias() {
	var twice, added map[string]bool
	for i := range c.tasks {
		t := c.tasks[i].task
		if t.Alias == "" {
			continue
		}
		if t.isFile() {
			c.files = append(c.files, i)
		}
		if added == nil {
			twice, added = map[string]bool{}, map[string]bool{}
		}
		_, taken := c.index[t.Alias]
		switch {
		case twice[t.Alias]:
		case added[t.Alias]:
			twice[t.Alias] = true
			delete(c.index, t.Alias)
		case !taken:
			c.index[t.Alias], added[t.Alias], c.aliased = i, true, true
		}
	}
}

// connect turns DependsOn into indices and looks for what no plan can satisfy.
func (c *Catalog) connect() []error {
	var errs []error
	c.deps = make([][]int, len(c.tasks))
	edges := 0
	for i := range c.tasks {
		edges += len(c.tasks[i].task.DependsOn)
	}
	flat := make([]int, 0, edges)
	for i := range c.tasks {
		t, from := c.tasks[i].task, len(flat)
		for n, id := range t.DependsOn {
			j, known := c.index[id]
			switch {
			case id == t.ID:
				errs = append(errs, fmt.Errorf("%s depends on itself: %w", t.ID, &plan.CycleError{Path: []string{id, id}}))
			case slices.Contains(t.DependsOn[:n], id):
				errs = append(errs, fmt.Errorf("%w %s: names the dependency %s twice", ErrInvalidOp, t.ID, ident.Quoted(id)))
			case known:
				flat = append(flat, j)
			default:
				c.foreign = append(c.foreign, foreign{i, id})
			}
		}
		c.deps[i] = flat[from:len(flat):len(flat)]
	}
	for _, cycle := range graph.Cycles(len(c.tasks), func(i int) []int { return c.deps[i] }) {
		path := make([]string, len(cycle))
		for n, i := range cycle {
			path[n] = c.tasks[i].task.ID
		}
		errs = append(errs, &plan.CycleError{Path: path})
	}
	return errs
}

// Err is everything that is wrong with the tasks; nil if nothing is.
func (c *Catalog) Err() error { return c.err }

// Tasks are those with a valid ID, in chronological order.
func (c *Catalog) Tasks(yield func(*Task) bool) {
	for i := range c.tasks {
		if !yield(c.tasks[i].task) {
			return
		}
	}
}

// Len is how many tasks there are.
func (c *Catalog) Len() int { return len(c.tasks) }

// find is the task with an ID, also an earlier one; nil if there is none.
func (c *Catalog) find(id string) *Task {
	if i, known := c.index[id]; known {
		return c.tasks[i].task
	}
	return nil
}

// below is what a task depends on, directly or not, by the IDs that tasks have now.
func (c *Catalog) below(id string) map[string]bool {
	found := map[string]bool{}
	i, known := c.index[id]
	if !known {
		return found
	}
	open := slices.Clone(c.deps[i])
	for len(open) > 0 {
		j := open[len(open)-1]
		open = open[:len(open)-1]
		if need := c.tasks[j].task.ID; !found[need] {
			found[need] = true
			open = append(open, c.deps[j]...)
		}
	}
	return found
}

// current is a list of IDs by which the tasks are known now.
func (c *Catalog) current(ids []string) []string {
	if len(c.renamed) == 0 && !c.aliased {
		return ids
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		if list[i] = id; c.find(id) != nil {
			list[i] = c.find(id).ID
		}
	}
	return list
}

// dated is a task of the catalog, or what the ledger alone knows of it: its ID.
func (c *Catalog) dated(id string) datedTask {
	if i, known := c.index[id]; known {
		return c.tasks[i]
	}
	at, _, _ := ident.Parse(id) // it was valid when it ran
	return datedTask{&Task{ID: id}, at}
}

// didYouMean is a hint for an ID that nobody knows; "" if there is none.
func (c *Catalog) didYouMean(id string) string {
	ids := make([]string, len(c.tasks))
	for i := range c.tasks {
		ids[i] = c.tasks[i].task.ID
	}
	if best := ident.Nearest(id, ids); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}

// notRegistered is the error for an ID that an option or a call names.
func (c *Catalog) notRegistered(by, id string) error {
	return fmt.Errorf("%w: %s: %s is not registered%s", ErrInvalidOption, by, ident.Quoted(id), c.didYouMean(id))
}
