package browsertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

// TestPictures opens every scene and writes pictures of the pages into the folder that SEQ_TEST_PICTURES
// names, for people to look at; without it only in one width, and nothing is kept. SEQ_TEST_SCENES chooses
// some, separated by commas. No page may complain of anything, whoever looks.
func TestPictures(t *testing.T) {
	dir, wanted := os.Getenv("SEQ_TEST_PICTURES"), os.Getenv("SEQ_TEST_SCENES")
	widths, schemes := []int64{390, 1280, 1920}, []string{"light", "dark"}
	if dir == "" || os.Getenv("SEQ_TEST_QUICK") != "" {
		widths, schemes = []int64{1280}, []string{"light"}
	}
	if dir == "" {
		dir = t.TempDir()
	}
	for name, build := range scenes {
		if wanted != "" && !strings.Contains(","+wanted+",", ","+name+",") {
			continue
		}
		s := build(t)
		b := open(t, console.Handler(s, ada))
		paths := map[string]string{"overview": "/"}
		if runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1}); err == nil && len(runs) > 0 {
			paths["run"] = "/runs/" + runs[0].ID
		}
		if os.Getenv("SEQ_TEST_ALL") != "" {
			paths["op"] = "/ops/" + s.Ops()[7].ID
			paths["plan"], paths["rollback"], paths["found"], paths["runs"] = "/plan", "/rollback", "/?q=a&tag=all&page=1", "/runs/"
		}
		for page, path := range paths {
			for _, scheme := range schemes {
				for _, width := range widths {
					if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
						Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
					}); err != nil {
						t.Fatal(err)
					}
					if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
						Width: width, Height: 900, DeviceScaleFactor: 1,
					}); err != nil {
						t.Fatal(err)
					}
					b.visit(path)
					picture := ask(b, chromedp.FullScreenshot(100))
					if page == "overview" && eval[bool](b, "document.querySelector('.plan') !== null") {
						plan := filepath.Join(dir, fmt.Sprintf("%s-plan-%d-%s.png", name, width, scheme))
						if err := os.WriteFile(plan, ask(b, chromedp.Screenshot(chromedp.CSS(".plan"))), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					file := filepath.Join(dir, fmt.Sprintf("%s-%s-%d-%s.png", name, page, width, scheme))
					if err := os.WriteFile(file, picture, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}
