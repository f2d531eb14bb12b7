package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The texts of new SQL files. An up step fails until somebody has written it, as a new operation does:
// one without a statement would be recorded as done.
const (
	gooseText = "-- +goose Up\n" + upText + "\n-- +goose Down\n" + downText
	upText    = "NOT WRITTEN YET;\n"
	downText  = "-- What undoes it; without a statement it cannot be undone.\n"
)

// writeSQL writes the files of a migration, in the format of those in the folder.
func (a *app) writeSQL(dir, name string) (files []string, err error) {
	style := sqlStyle(dir)
	version := style.next
	if version == "" {
		version = a.free(dir).Format("20060102150405")
	}
	texts := []struct{ ending, text string }{{".up.sql", upText}, {".down.sql", downText}}
	switch style.tool {
	case "goose":
		texts = texts[:1]
		texts[0].ending, texts[0].text = ".sql", gooseText
	case "bun":
		texts[0].ending, texts[1].ending = ".tx.up.sql", ".tx.down.sql"
	}
	for _, t := range texts {
		file := filepath.Join(dir, version+"_"+name+t.ending)
		if err := writeNew(file, t.text); err != nil {
			return files, err
		}
		files = append(files, file)
	}
	return files, nil
}

// A style is how the SQL files of a folder are.
type style struct {
	tool string
	next string // the next number, "" if they have dates, or there are none
}

// sqlStyle looks at the files of a folder. They are numbered if none of the numbers could be a date.
func sqlStyle(dir string) style {
	entries, _ := os.ReadDir(dir)
	s := style{tool: "golang-migrate"}
	highest, width, numbered := uint64(0), 0, true
	for _, e := range entries {
		name := e.Name()
		version, _, ok := strings.Cut(name, "_")
		if !ok || version == "" || strings.Trim(version, "0123456789") != "" || e.IsDir() || !strings.HasSuffix(strings.ToLower(name), "sql") {
			continue
		}
		switch {
		case strings.Contains(name, ".tx.up.") || strings.Contains(name, ".tx.down."):
			s.tool = "bun"
		case !strings.Contains(name, ".up.") && !strings.Contains(name, ".down."):
			s.tool = "goose"
		}
		numbered = numbered && len(strings.TrimLeft(version, "0")) < len("20060102")
		if n, err := strconv.ParseUint(version, 10, 64); err == nil && n >= highest {
			highest, width = n, len(version)
		}
	}
	if width > 0 && numbered {
		s.next = fmt.Sprintf("%0*d", width, highest+1)
	}
	return s
}
