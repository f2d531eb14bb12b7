package seq

import (
	"errors"
	"fmt"
	"slices"
)

// catalog is a sequencer's ops, checked once: in chronological order, with their dependencies
// as indices.
type catalog struct {
	ops     []stamped
	index   map[string]int
	deps    [][]int   // within the catalog
	foreign []foreign // dependencies that only the ledger can know
	renamed []renamed
	err     error
}

// foreign is a dependency on an ID that is not registered.
type foreign struct {
	op int
	id string
}

func newCatalog(ops []Op, chain []Middleware) *catalog {
	c := &catalog{ops: make([]stamped, 0, len(ops)), index: make(map[string]int, len(ops))}
	var errs []error
	for i := range ops {
		op := &ops[i]
		at, _, err := ParseID(op.ID)
		if err != nil {
			errs = append(errs, errors.Join(err, op.fault))
			continue
		}
		switch {
		case op.fault != nil:
			errs = append(errs, op.fault)
		case op.Run == nil:
			errs = append(errs, fmt.Errorf("%w %s: Run is nil", ErrInvalidOp, op.ID))
		case op.RollbackOnFailure && op.Rollback == nil:
			errs = append(errs, fmt.Errorf("%w %s: RollbackOnFailure without a Rollback", ErrInvalidOp, op.ID))
		case op.Delivery > Once || op.Kind > Migration:
			errs = append(errs, fmt.Errorf("%w %s: kind %d, delivery %d", ErrInvalidOp, op.ID, op.Kind, op.Delivery))
		case op.Delivery != Repeatable && !has(chain, LayerRecord):
			errs = append(errs, fmt.Errorf("%w: %s is %s, which nothing can keep without record", ErrInvalidStrategy, op.ID, op.Delivery))
		}
		c.ops = append(c.ops, stamped{op, at})
	}
	sorted := func(a, b stamped) int { return chronologically(&a, &b) }
	if !slices.IsSortedFunc(c.ops, sorted) { // as they are, mostly
		slices.SortStableFunc(c.ops, sorted)
	}
	for i := range c.ops {
		id := c.ops[i].op.ID
		if i > 0 && c.ops[i-1].op.ID == id { // they are sorted
			errs = append(errs, fmt.Errorf("%w %s: registered twice%s", ErrInvalidOp, id, registeredAt(id)))
			continue
		}
		c.index[id] = i
	}
	errs = append(errs, c.rename()...)
	errs = append(errs, c.connect()...)
	c.err = errors.Join(errs...)
	return c
}

// rename makes the earlier names of ops stand for them.
func (c *catalog) rename() []error {
	var errs []error
	for i := range c.ops {
		op := c.ops[i].op
		for _, old := range op.RenamedFrom {
			_, _, err := ParseID(old)
			j, taken := c.index[old]
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: RenamedFrom: %w", op.ID, err))
			case taken:
				errs = append(errs, fmt.Errorf("%w %s: RenamedFrom %s, which is %s", ErrInvalidOp, op.ID, old, c.ops[j].op.ID))
			default:
				c.index[old] = i
				c.renamed = append(c.renamed, renamed{i, old})
			}
		}
	}
	return errs
}

// renamed is an ID that an op had earlier.
type renamed struct {
	op  int
	old string
}

// rename hands what the ledger knows of earlier names to the ops that have them now, unless it
// knows something of their own.
func (p *planning) rename() {
	for _, r := range p.catalog.renamed {
		id := p.catalog.ops[r.op].op.ID
		if old := p.entries[r.old]; old != nil && p.entries[id] == nil {
			old.ID, old.Attempt = id, 0 // its own attempts are still to come
			p.entries[id] = old
		}
		delete(p.entries, r.old)
	}
}

// connect turns DependsOn into indices and looks for what no plan can satisfy.
func (c *catalog) connect() []error {
	var errs []error
	c.deps = make([][]int, len(c.ops))
	edges := 0
	for i := range c.ops {
		edges += len(c.ops[i].op.DependsOn)
	}
	flat := make([]int, 0, edges)
	for i := range c.ops {
		op, from := c.ops[i].op, len(flat)
		for n, id := range op.DependsOn {
			j, known := c.index[id]
			switch {
			case id == op.ID:
				errs = append(errs, fmt.Errorf("%s depends on itself: %w", op.ID, &CycleError{Path: []string{id, id}}))
			case slices.Contains(op.DependsOn[:n], id):
				errs = append(errs, fmt.Errorf("%w %s: names the dependency %s twice", ErrInvalidOp, op.ID, quoted(id)))
			case known:
				flat = append(flat, j)
			default:
				c.foreign = append(c.foreign, foreign{i, id})
			}
		}
		c.deps[i] = flat[from:len(flat):len(flat)]
	}
	for _, path := range c.cycles() {
		errs = append(errs, &CycleError{Path: path})
	}
	return errs
}

// cycles finds one cycle in each tangle of ops that depend on each other. What is left when
// everything free has been taken away depends on a cycle; following the first such dependency
// from there runs into one.
func (c *catalog) cycles() [][]string {
	forward := false // without an op that depends on a later one there is no cycle
	for i, deps := range c.deps {
		forward = forward || len(deps) > 0 && slices.Max(deps) >= i
	}
	if !forward {
		return nil
	}
	steps := make([]Step, len(c.ops))
	for i := range steps {
		steps[i].After = c.deps[i]
	}
	free := make([]bool, len(steps))
	for _, i := range (Input{Steps: steps}).Order(nil) {
		free[i] = true
	}
	var found [][]string
	visit := make([]int, len(steps)) // the number of the walk that came by, 0: none
	for start := range steps {
		var path []int
		for i := start; !free[i]; {
			if visit[i] != 0 {
				if at := slices.Index(path, i); at >= 0 && visit[i] == start+1 {
					found = append(found, c.names(append(path[at:], i)))
				}
				break
			}
			visit[i] = start + 1
			path = append(path, i)
			i = c.deps[i][slices.IndexFunc(c.deps[i], func(j int) bool { return !free[j] })]
		}
	}
	return found
}

func (c *catalog) names(indices []int) []string {
	ids := make([]string, len(indices))
	for n, i := range indices {
		ids[n] = c.ops[i].op.ID
	}
	return ids
}
