package browsertest_test

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sequencer-go/seq/console"
)

var renew = flag.Bool("update", false, "renew the screenshot of README.md")

const screenshot = "docs/console.png"

// TestTheScreenshotIsThePage: README.md shows the page as it looks today, but for the fonts of the machine. With
// -update the picture is made anew.
func TestTheScreenshotIsThePage(t *testing.T) {
	b := open(t, console.Handler(scenes["graph8"](t), ada))
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: 1280, Height: 800, DeviceScaleFactor: 1,
	}); err != nil {
		t.Fatal(err)
	}
	b.visit("/")
	picture := ask(b, chromedp.CaptureScreenshot())
	if *renew {
		if err := os.WriteFile("../../"+screenshot, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "]("+screenshot+")") {
		t.Errorf("README.md does not show %s", screenshot)
	}
	kept, err := os.ReadFile("../../" + screenshot)
	if err != nil {
		t.Fatal(err)
	}
	was, is := tiles(t, kept), tiles(t, picture)
	differ := 0
	for i := range is {
		if d := int(was[i]) - int(is[i]); max(d, -d) > 24 {
			differ++
		}
	}
	if differ > len(is)/10 {
		t.Errorf("%d of %d parts of the page look otherwise than in %s; look at it, and renew it with -update", differ, len(is), screenshot)
	}
}

// tiles is the mean brightness of each of 32 × 20 parts of a picture.
func tiles(t *testing.T, picture []byte) (mean [32 * 20]uint8) {
	t.Helper()
	p, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	if p.Bounds() != image.Rect(0, 0, 1280, 800) {
		t.Fatalf("the picture is %v, want 1280 by 800", p.Bounds())
	}
	for i := range mean {
		var sum int
		for x := range 40 {
			for y := range 40 {
				grey, _ := color.GrayModel.Convert(p.At(i%32*40+x, i/32*40+y)).(color.Gray)
				sum += int(grey.Y)
			}
		}
		mean[i] = uint8(sum / 1600) //nolint:gosec // a mean of bytes
	}
	return mean
}
