package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// query is what the address of the first page asks to list. An address says all of it, so that it
// can be sent to somebody else.
type query struct {
	Search string // words that the ID must have, in whatever order
	Show   string // key of a filter, or name of a state
	Tag    string
	Wave   string // "3", or "3-7"
	Page   int    // counted from 1

	from, to int    // of the waves; 0 if all
	anchor   string // of the list within its page
}

const searchLimit = 200 // bytes

// asked is the query of a request. What is no value is left out.
func asked(r *http.Request) query {
	v := r.URL.Query()
	q := query{Search: strings.TrimSpace(v.Get("q")), Tag: v.Get("tag"), Show: v.Get("show"), Wave: v.Get("wave")}
	q.Search = q.Search[:min(len(q.Search), searchLimit)]
	q.Search = strings.ToValidUTF8(q.Search, "")
	q.Tag = strings.ToValidUTF8(q.Tag[:min(len(q.Tag), searchLimit)], "")
	if !isChoice(q.Show) {
		if _, err := store.ParseState(q.Show); err != nil {
			q.Show = ""
		}
	}
	from, to, isRange := strings.Cut(q.Wave, "-")
	if !isRange {
		to = from
	}
	a, err1 := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil || a < 1 || b < a {
		q.Wave = ""
	} else {
		q.from, q.to = a, b
	}
	if q.Page, _ = strconv.Atoi(v.Get("page")); q.Page < 1 {
		q.Page = 1
	}
	return q
}

func isChoice(key string) bool {
	return slices.ContainsFunc(choices, func(f filter) bool { return f.Key == key })
}

// String is the query as a relative address.
func (q query) String() string {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("q", q.Search)
	set("show", q.Show)
	set("tag", q.Tag)
	set("wave", q.Wave)
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	return "?" + v.Encode() + "#" + cmp.Or(q.anchor, "h-ops")
}

// Showing is the query with another filter, from its first page on.
func (q query) Showing(show string) string { q.Show, q.Page = show, 1; return q.String() }

// Afresh is the query of everything, to begin another from.
func (q query) Afresh() query { return query{anchor: q.anchor} }

// Waving is the query with other waves.
func (q query) Waving(wave string) string { q.Wave, q.Page = wave, 1; return q.String() }

// At is another page of the same.
func (q query) At(page int) string { q.Page = page; return q.String() }

// Narrow reports whether anything is left out.
func (q query) Narrow() bool { return q.Search != "" || q.Show != "" || q.Tag != "" || q.Wave != "" }

// StateName is the name of the state that is asked for, "" if none is.
func (q query) StateName() string {
	if isChoice(q.Show) {
		return ""
	}
	return q.Show
}

// match lists the indices of the ops that a query lets through.
func (s *snapshot) match(q query) []int {
	takes := func(*seq.OpStatus) bool { return true }
	if i := slices.IndexFunc(choices, func(f filter) bool { return f.Key == q.Show }); i >= 0 {
		takes = choices[i].takes
	} else if state, err := store.ParseState(q.Show); err == nil {
		takes = func(o *seq.OpStatus) bool { return o.State == state }
	}
	words := strings.Fields(strings.ToLower(q.Search))
	var list []int
next:
	for i := range s.Ops {
		o := &s.Ops[i]
		if !takes(o) || q.Tag != "" && !slices.Contains(o.Tags, q.Tag) {
			continue
		}
		if q.from > 0 {
			if w := s.waveOf(o); w < q.from || w > q.to {
				continue
			}
		}
		if len(words) > 0 {
			id := strings.ToLower(o.ID)
			for _, word := range words {
				if !strings.Contains(id, word) {
					continue next
				}
			}
		}
		list = append(list, i)
	}
	return list
}

// pager is the way from page to page.
type pager struct {
	query

	Of          int // pages
	From, To    int // places of those that are listed, counted from 1
	Total       int
	Numbers     []int // pages to go to; 0 stands for those that are left out
	Prev, After int
}

// pages is the pager of a list, and which part of it is to be shown. A page behind the last one is
// the last one.
func (q query) pages(total, size int) (p pager, from, to int) {
	p = pager{query: q, Of: max((total+size-1)/size, 1), Total: total}
	p.Page = min(q.Page, p.Of)
	from, to = (p.Page-1)*size, min(p.Page*size, total)
	p.From, p.To = from+1, to
	for n := 1; n <= p.Of; n++ {
		if n == 1 || n == p.Of || n >= p.Page-2 && n <= p.Page+2 {
			p.Numbers = append(p.Numbers, n)
		} else if len(p.Numbers) > 0 && p.Numbers[len(p.Numbers)-1] != 0 {
			p.Numbers = append(p.Numbers, 0)
		}
	}
	if p.Page > 1 {
		p.Prev = p.Page - 1
	}
	if p.Page < p.Of {
		p.After = p.Page + 1
	}
	return p, from, to
}
