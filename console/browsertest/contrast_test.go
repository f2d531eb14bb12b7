package browsertest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// pale lists the texts whose contrast to what they stand on is below 4.5 (WCAG 2.2, AA). The colours
// are painted, one over the other, and read back.
const pale = `(() => {
	const paper = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
	const paint = (colours) => { for (const c of colours) { paper.fillStyle = c; paper.fillRect(0, 0, 1, 1); } return paper.getImageData(0, 0, 1, 1).data; };
	const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => { const v = rgb[i] / 255; return sum + w * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
	const below = (el) => {
		const layers = [];
		for (let e = el; e; e = e.parentElement) layers.unshift(getComputedStyle(e).backgroundColor);
		const box = el.closest(".box > *") && el.parentElement.querySelector("rect");
		if (box && getComputedStyle(box).fill !== "none") layers.push(getComputedStyle(box).fill);
		return layers;
	};
	const found = [];
	for (const el of document.querySelectorAll("body *")) {
		const text = [...el.childNodes].filter((n) => n.nodeType === 3).map((n) => n.nodeValue.trim()).join(" ").trim();
		if (!text || !el.getClientRects().length || el.closest("title, .jump, noscript")) continue;
		const style = getComputedStyle(el), under = below(el);
		const a = light(paint(under)), b = light(paint([...under, el.closest("svg") ? style.fill : style.color]));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) found.push(contrast.toFixed(2) + " " + text.slice(0, 40));
	}
	return found;
})()`

// colourful is a sequencer with an op in nearly every state.
func colourful(t *testing.T) *seq.Sequencer {
	t.Helper()
	no := func(context.Context) error { return errors.New("no") }
	later := func(now time.Time) time.Time { return now.Add(time.Hour) }
	s := seq.New(store.NewMemory(),
		seq.Op{ID: first, Run: nothing, Rollback: nothing},
		seq.Op{ID: second, Run: no, AllowedToFail: true},
		seq.Op{ID: "2024_01_15_120002_timed", Run: nothing, ExecuteAt: later},
		seq.Op{ID: "2024_01_15_120003_stuck", Run: nothing, Rollback: no, DependsOn: []string{first}},
		seq.Op{ID: "2024_01_15_120004_waived", Run: nothing},
		seq.Op{ID: "2024_01_15_120005_failing", Run: no, DependsOn: []string{"2024_01_15_120003_stuck"}},
		seq.Op{ID: "2024_01_15_120006_left", Run: nothing, DependsOn: []string{"2024_01_15_120005_failing"}},
	).Use(strategies.DependencyGraph(strategies.Saga(), strategies.Limit(1)))
	if err := s.Skip(t.Context(), "2024_01_15_120004_waived", "not here"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	return s
}

func TestTextStandsOutAndFitsAPhone(t *testing.T) {
	s := colourful(t)
	runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1})
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	h := console.Handler(s, ada)
	b := open(t, h)
	for _, scheme := range []string{"light", "dark"} {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{1280, 390} {
			if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
				Width: width, Height: 844, DeviceScaleFactor: 1,
			}); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/", "/?q=a&show=failed&wave=1-9", "/plan", "/rollback", "/runs/" + runs[0].ID, "/ops/2024_01_15_120005_failing", "/ops/2024_01_15_120003_stuck"} {
				b.visit(path)
				for _, text := range eval[[]string](b, pale) {
					t.Errorf("%s, %s, %d px: %s", path, scheme, width, text)
				}
				if over := eval[int64](b, "document.documentElement.scrollWidth"); over > width {
					t.Errorf("%s, %d px: the page is %d px wide", path, width, over)
				}
				if n := eval[int](b, "document.querySelectorAll('h1').length"); n != 1 {
					t.Errorf("%s has %d main headings", path, n)
				}
			}
		}
	}
}
