package console

import (
	"net/http"
	"strconv"
)

// runsPage lists runs.
type runsPage struct {
	page

	Runs  []runView
	Pages pager
	All   int // how many there are at most
}

const runsOfPage = 50

func (c *console) listRuns(w http.ResponseWriter, r *http.Request) {
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	runs, err := c.olderRuns(r.Context(), s)
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	p := runsPage{page: c.page(w, r, "../", "Runs"), All: runsListed}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	var from, to int
	p.Pages, from, to = query{Page: max(page, 1), anchor: "main"}.pages(len(runs), runsOfPage)
	for i := from; i < to; i++ {
		p.Runs = append(p.Runs, s.viewRun(&runs[i]))
	}
	c.show(w, r, http.StatusOK, "runs", &p)
}
