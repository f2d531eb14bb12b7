// Modproxy writes modules of a source tree into a folder that the go command takes as a proxy, as a module
// proxy would serve them when the tree is tagged.
//
//	go run .ci/modproxy/main.go -tree TREE -proxy FOLDER -version v0.1.0 . cli otel
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	tree := flag.String("tree", ".", "the source `tree`")
	proxy := flag.String("proxy", "", "the `folder` that becomes a proxy")
	version := flag.String("version", "", "the `version` of all modules")
	flag.Parse()
	if *proxy == "" || *version == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	for _, dir := range flag.Args() {
		if err := publish(filepath.Join(*tree, dir), *proxy, *version); err != nil {
			log.Fatalf("%s: %v", dir, err)
		}
	}
}

// publish writes the four files that a proxy has of a version.
func publish(dir, proxy, version string) error {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	module, err := pathOf(mod)
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]string{"Version": version})
	if err != nil {
		return err
	}
	var source bytes.Buffer
	if err := pack(&source, dir, module+"@"+version); err != nil {
		return err
	}
	to := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"list": []byte(version + "\n"), version + ".info": info, version + ".mod": mod, version + ".zip": source.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(to, name), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

func pathOf(mod []byte) (string, error) {
	for lines := bufio.NewScanner(bytes.NewReader(mod)); lines.Scan(); {
		if name, is := strings.CutPrefix(lines.Text(), "module "); is {
			if name = strings.TrimSpace(name); strings.ToLower(name) != name {
				return "", fmt.Errorf("the path %s has capital letters, which a proxy writes otherwise", name)
			}
			return name, nil
		}
	}
	return "", errors.New("go.mod has no module line")
}

// pack writes the files of a module as a zip, without those of modules below it.
func pack(w io.Writer, dir, prefix string) error {
	z := zip.NewWriter(w)
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil && file != dir {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		to, err := z.Create(path.Join(prefix, filepath.ToSlash(name)))
		if err != nil {
			return err
		}
		_, err = to.Write(text)
		return err
	})
	return errors.Join(err, z.Close())
}
