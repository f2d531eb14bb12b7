package browsertest_test

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

// faulty lists what is wrong with the picture of a plan: boxes without a text or one that does not
// fit, boxes that lie on each other, and lines that run behind a box which they do not belong to.
const faulty = `(() => {
	const found = [], boxes = [...document.querySelectorAll("#graph a.box")].map((el) => {
		const r = el.querySelector("rect");
		return {el, n: el.dataset.n, x: +r.getAttribute("x"), y: +r.getAttribute("y"), w: +r.getAttribute("width"), h: +r.getAttribute("height")};
	});
	for (const b of boxes) {
		for (const t of b.el.querySelectorAll("text")) {
			const box = t.getBBox();
			if (!t.textContent.trim()) found.push(b.el.dataset.key + " has an empty text");
			if (box.x + box.width > b.x + b.w - 2) found.push(t.textContent + " is " + Math.round(box.x + box.width - b.x - b.w) + " px too wide");
		}
		for (const o of boxes) {
			if (o !== b && o.x < b.x + b.w && b.x < o.x + o.w && o.y < b.y + b.h && b.y < o.y + o.h) found.push(o.n + " lies on " + b.n);
		}
	}
	for (const e of document.querySelectorAll("#graph .edge")) {
		if (getComputedStyle(e).display === "none" || !e.getAttribute("d")) continue;
		const length = e.getTotalLength();
		for (let at = 0; at <= length; at += 3) {
			const p = e.getPointAtLength(at);
			for (const b of boxes) {
				if (p.x > b.x + 1 && p.x < b.x + b.w - 1 && p.y > b.y + 1 && p.y < b.y + b.h - 1) {
					found.push("the line from " + e.dataset.from + " to " + e.dataset.to + " runs behind " + b.n);
					at = length;
				}
			}
		}
	}
	return found;
})()`

func TestThePictureIsRightForEveryStrategyAndSize(t *testing.T) {
	for name, want := range map[string]struct {
		boxes int64 // 0: bars instead
		bars  bool
	}{
		"batch": {14, true}, "batch60": {60, true}, "batch500": {0, true}, "graph8": {8, true}, "graph60": {60, true},
		"graph500": {0, true}, "saga": {9, true}, "serial": {}, "serial500": {},
		"dense": {40, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, console.Handler(scenes[name](t)))
			b.visit("/")
			if n := eval[int64](b, "document.querySelectorAll('#graph a.box').length"); n != want.boxes {
				t.Errorf("the picture has %d boxes, want %d", n, want.boxes)
			}
			if got := eval[bool](b, "document.querySelector('.waves') !== null"); got != want.bars {
				t.Errorf("the plan has bars: %v", got)
			}
			for _, text := range eval[[]string](b, faulty) {
				t.Error(text)
			}
		})
	}
}

func TestThePictureFitsAndLightsWhatHasTheFocus(t *testing.T) {
	b := open(t, console.Handler(scenes["graph60"](t)))
	b.visit("/")
	if eval[bool](b, "document.getElementById('graph').scrollWidth <= document.getElementById('graph').clientWidth") {
		t.Fatal("the picture fits without being asked to")
	}
	b.do(chromedp.Click(chromedp.CSS("[data-zoom=fit]")))
	if !eval[bool](b, "document.getElementById('graph').scrollWidth <= document.getElementById('graph').clientWidth + 1") {
		t.Error("the picture does not fit when it is asked to")
	}
	b.do(chromedp.Click(chromedp.CSS("[data-zoom=in]")))
	wide := eval[float64](b, "document.querySelector('#graph > svg').width.baseVal.value")
	b.do(chromedp.Click(chromedp.CSS("[data-zoom=full]")))
	if full := eval[float64](b, "document.querySelector('#graph > svg').width.baseVal.value"); full <= wide {
		t.Errorf("in full it is %v px wide, and was %v", full, wide)
	}
	eval[bool](b, "document.querySelector('#graph a.box[data-n=\"20\"]').focus({preventScroll: true}), true")
	if n := eval[int](b, "document.querySelectorAll('#graph .edge.lit').length"); n == 0 {
		t.Error("the lines of the box that has the focus do not stand out")
	}
	if !eval[bool](b, "[...document.querySelectorAll('#graph .edge.lit')].every((e) => e.dataset.from === '20' || e.dataset.to === '20')") {
		t.Error("the lines of other boxes stand out")
	}
}

// Of too many lines none can be followed: then only those of one operation are drawn.
func TestADensePictureDrawsTheLinesOfOneOperation(t *testing.T) {
	b := open(t, console.Handler(scenes["dense"](t)))
	b.visit("/")
	const seen = "[...document.querySelectorAll('#graph .edge')].filter((e) => getComputedStyle(e).display !== 'none' && e.getTotalLength() > 0).length"
	if n := eval[int](b, seen); n != 0 {
		t.Errorf("%d lines are drawn", n)
	}
	b.tabTo("#graph a.box[data-n='8']")
	if n := eval[int](b, seen); n != 8+8 {
		t.Errorf("%d lines are drawn of an operation that waits for 8 and for which 8 of the next wave wait", n)
	}
	if n := eval[int](b, "document.querySelectorAll('#graph a.box.lit').length"); n != 8+24 {
		t.Errorf("%d boxes are framed", n)
	}
	for _, text := range eval[[]string](b, faulty) {
		t.Error(text)
	}
}

func TestAPhoneSeesBarsInsteadOfThePicture(t *testing.T) {
	b := open(t, console.Handler(scenes["graph60"](t)))
	if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 1}); err != nil {
		t.Fatal(err)
	}
	b.visit("/")
	b.await(".waves .chip.bad")
	if eval[bool](b, "document.getElementById('graph').offsetParent !== null") {
		t.Error("the picture is there too")
	}
}

func TestSlashGoesToTheSearchAndTheAddressKeepsIt(t *testing.T) {
	b := open(t, console.Handler(scenes["batch"](t)))
	b.visit("/")
	// The driver sends the character behind the key, which a browser does not if the key was taken.
	if !eval[bool](b, "!document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true, cancelable: true}))") {
		t.Error("the key is not taken, and would be typed")
	}
	if got := eval[string](b, "document.activeElement.id + ':' + document.activeElement.value"); got != "q:" {
		t.Fatalf("the focus and its text are %q", got)
	}
	b.do(chromedp.KeyEvent("prices/"), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace))
	b.do(chromedp.KeyEvent(kb.Enter))
	b.await(".found")
	if got := eval[string](b, "location.search"); got != "?q=price" {
		t.Errorf("the address says %q", got)
	}
	if got := b.text(".ops"); got == "" {
		t.Error("nothing is found")
	}
	if n := eval[int](b, "document.querySelectorAll('.ops .op').length"); n != 2 {
		t.Errorf("%d operations are found", n)
	}
}

func TestSlashOnAnotherPageGoesToTheSearchOfTheFirst(t *testing.T) {
	b := open(t, console.Handler(scenes["batch"](t)))
	b.visit("/plan")
	eval[bool](b, "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true, cancelable: true})), true")
	b.await("#q")
	for eval[string](b, "document.activeElement.id") != "q" { // the script runs when the page is there
		if t.Context().Err() != nil {
			t.Fatal("the search has not the focus")
		}
	}
}

func TestARollbackWantsAReasonAndAConfirmation(t *testing.T) {
	s := failing()
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	b := open(t, console.Handler(s, ada))
	b.visit("/rollback")
	b.tabTo("input[name=reason]")
	b.do(chromedp.KeyEvent("release 7 is broken"), chromedp.KeyEvent(kb.Enter))
	if !eval[bool](b, "document.querySelector('form.go').matches(':invalid') && location.pathname === '/rollback'") {
		t.Fatal("the form is sent without a confirmation")
	}
	b.tabTo("input[name=confirm]")
	b.do(chromedp.KeyEvent(" "))
	b.tabTo("button.danger")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.await(op(first, "back"))
	runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1})
	if err != nil || runs[0].Owner.Actor != "ada" || runs[0].Reason != "release 7 is broken" {
		t.Errorf("the ledger has %+v, %v", runs, err)
	}
}
