package console

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// templates has one set for each page, each with the layout around it.
var templates = func() map[string]*template.Template {
	funcs := template.FuncMap{
		"escapedID": escapedID, "ago": ago, "stamp": stamp, "machine": machine, "asset": assetName,
		"add": func(a, b int) int { return a + b }, "shortRun": shortRun, "short": short,
		"errorText": store.ErrorText,
	}
	sets := map[string]*template.Template{}
	for _, name := range []string{"overview", "op", "run", "runs", "plan", "stop", "message"} {
		sets[name] = template.Must(template.New("layout.html").Funcs(funcs).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html", "pages/"+name+".html"))
	}
	return sets
}()

// page is what every page has.
type page struct {
	Site, Name string
	Root       string // from this page to the first one, as a relative path
	Actor      string // who may act, "" if nobody
	MayRun     bool
	MayBack    bool
	Token      string // of its forms
	Problem    string // why what was asked for did not happen
	NoReload   bool   // without a script: there is a form to fill in
	Here       string // name of the template
	Poll       bool   // can be asked for again, so the script keeps it current
	MayHold    bool   // may stop, hold or release
	Held       *heldView
}

func (c *console) page(w http.ResponseWriter, r *http.Request, root, name string) page {
	p := page{Site: c.title, Name: name, Root: root, Poll: r.Method != http.MethodPost}
	run, back := c.may(r, ActionRun, ""), c.may(r, ActionRollback, "")
	hold := cmp.Or(c.may(r, ActionStop, ""), c.may(r, ActionHold, ""), c.may(r, ActionRelease, ""))
	p.MayRun, p.MayBack, p.MayHold, p.Actor = run != "", back != "", hold != "", cmp.Or(run, back, hold)
	switch {
	case c.prefix != "":
		p.Root = c.prefix + "/"
	case p.Root == "":
		p.Root = "./"
	}
	if p.Actor != "" {
		p.Token = c.token(w, r)
	}
	return p
}

// mayStart tells pages apart that differ in what they offer.
func (p *page) mayStart() (bits int) {
	if p.MayRun {
		bits = 1
	}
	if p.MayBack {
		bits |= 2
	}
	if p.MayHold {
		bits |= 4
	}
	return bits
}

// show renders a page and sends it.
func (c *console) show(w http.ResponseWriter, r *http.Request, status int, name string, data interface{ here(string) }) {
	body, err := render(name, data)
	if err != nil {
		http.Error(w, "cannot show this page", http.StatusInternalServerError)
		return
	}
	send(w, r, status, body)
}

func render(name string, data interface{ here(string) }) ([]byte, error) {
	data.here(name)
	var body bytes.Buffer
	if err := templates[name].Execute(&body, data); err != nil {
		return nil, err
	}
	return plainly(body.Bytes()), nil
}

// send sends a page, or says that it is as the asker has it already.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("ETag", tag)
	h.Set("Vary", "Cookie")
	if status == http.StatusOK && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// plainly shows characters that are not seen, but change how a text reads or what a terminal does that
// it is copied to, as Go would write them: control characters, marks that turn the direction of text,
// and others without a shape. Joiners stay, because scripts and emoji need them.
func plainly(body []byte) []byte {
	at := bytes.IndexFunc(body, unseen)
	if at < 0 {
		return body
	}
	out := append(make([]byte, 0, len(body)+64), body[:at]...)
	for _, r := range string(body[at:]) {
		switch {
		case !unseen(r):
			out = utf8.AppendRune(out, r)
		case r < 0x80:
			out = fmt.Appendf(out, "\\x%02x", r)
		case r < 0x10000:
			out = fmt.Appendf(out, "\\u%04x", r)
		default:
			out = fmt.Appendf(out, "\\U%08x", r)
		}
	}
	return out
}

func unseen(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case '\u2028', '\u2029':
		return true
	default:
		return unicode.In(r, unicode.Cc, unicode.Cf)
	}
}

func (p *page) here(name string) { p.Here = name }

// messagePage says why there is nothing to show.
type messagePage struct {
	page

	Text string
}

func (c *console) fail(w http.ResponseWriter, r *http.Request, root string, status int, name, text string) {
	p := messagePage{page: c.page(w, r, root, name), Text: text}
	p.NoReload = status < http.StatusInternalServerError
	c.show(w, r, status, "message", &p)
}

// broken tells why there is nothing to show: a ledger that cannot be read, which may be back in a
// moment, or ops that the code has wrong.
func (c *console) broken(w http.ResponseWriter, r *http.Request, root string, err error) {
	name, text := "The ledger cannot be read", store.ErrorText(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		name, text = "The ledger does not answer", fmt.Sprintf("It has not for %s: it is slow, locked or out of reach.\n%s", span(patience), text)
	case seq.IsMistake(err):
		name = "The operations are not as they should be"
	}
	c.fail(w, r, root, http.StatusServiceUnavailable, name, text)
}

func (c *console) notFound(w http.ResponseWriter, r *http.Request) {
	root := strings.Repeat("../", strings.Count(strings.TrimPrefix(r.URL.Path, "/"), "/"))
	c.fail(w, r, root, http.StatusNotFound, "No such page", "There is nothing here.")
}

// assetTags make an asset's address change with its content, so that browsers may keep it.
var assetTags = func() map[string]string {
	tags := map[string]string{}
	entries, _ := assetFiles.ReadDir("assets")
	for _, e := range entries {
		content, _ := assetFiles.ReadFile("assets/" + e.Name())
		sum := sha256.Sum256(content)
		tags[e.Name()] = hex.EncodeToString(sum[:6])
	}
	return tags
}()

func assetName(name string) string { return "assets/" + name + "?v=" + assetTags[name] }

func asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	tag, known := assetTags[name]
	if !known {
		http.NotFound(w, r)
		return
	}
	if r.URL.Query().Get("v") == tag {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, assetFiles, "assets/"+name)
}

// escapedID is an ID as one segment of a path.
func escapedID(id string) string { return url.PathEscape(id) }

// stamp is a time for people, in UTC, which is what ledger and logs speak.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// machine is a time for machines.
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }
