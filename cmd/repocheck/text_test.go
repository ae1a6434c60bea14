package repocheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Words of unfinished work and paths of somebody's machine. They are put together from pieces so that this file does not contain them.
var (
	unfinished = regexp.MustCompile(`(?i)\b(to` + `do|fix` + `me|xx` + `x|ha` + `ck|st` + `ub(bed)?|not imple` + `mented|unimple` + `mented|for n` + `ow|simpli` + `fied|place` + `holder)\b`)
	machine    = regexp.MustCompile("(^|[^A-Za-z0-9_./}])/(work|farm|tmp|home|root|Users)/|\\.\\./sha" + "red")
	layerLine  = regexp.MustCompile(`(?i)\blayer:? (\d+|none)\b`)
)

// written tells whether a file is text of ours; go.sum and the like are not.
func written(name string) bool {
	return slices.Contains([]string{".go", ".md", ".sh", ".yml", ".yaml", ".conf"}, path.Ext(name)) ||
		slices.Contains([]string{"Makefile", ".gitignore", ".ci/run", "NOTICE"}, name)
}

// No tracked source names a path of the machine it was written on or promises to be finished later.
func TestWords(t *testing.T) {
	for _, name := range files(t) {
		if !written(name) {
			continue
		}
		for i, line := range strings.Split(read(t, name), "\n") {
			if found := machine.FindString(line); found != "" {
				t.Errorf("%s:%d: path of a machine %q", name, i+1, found)
			}
			if path.Ext(name) != ".go" {
				continue
			}
			if found := unfinished.FindString(line); found != "" {
				t.Errorf("%s:%d: word of unfinished work %q", name, i+1, found)
			}
		}
	}
}

func TestWordsAreFound(t *testing.T) {
	for _, line := range []string{"// TO" + "DO: later", "is a Simpli" + "fied version", "st" + "ub"} {
		if !unfinished.MatchString(line) {
			t.Errorf("%q is not found", line)
		}
	}
	for _, line := range []string{"see /wo" + "rk/main", `"/ho` + `me/me/x"`, "../sha" + "red/vectors"} {
		if !machine.MatchString(line) {
			t.Errorf("%q is not found", line)
		}
	}
	for _, line := range []string{"github.com/x/work/y", "/eth/v1/beacon/blocks/{id}/root/x", "stubborn", "netw" + "ork/tmp/"} {
		if unfinished.MatchString(line) || machine.MatchString(line) {
			t.Errorf("%q is found", line)
		}
	}
}

// Every package has a doc.go with a package comment that names its layer, and it is the layer of the table.
func TestPackageDocs(t *testing.T) {
	docs := map[string]string{}
	for _, f := range sources(t) {
		if _, ok := docs[f.pkg]; !ok {
			docs[f.pkg] = ""
		}
		if path.Base(f.name) == "doc.go" && f.syntax.Doc != nil {
			docs[f.pkg] = f.syntax.Doc.Text()
		}
	}
	for pkg, doc := range docs {
		r, ok := rowOf(pkg)
		want := strconv.Itoa(r.layer)
		if r.layer == free {
			want = "none"
		}
		switch found := layerLine.FindStringSubmatch(doc); {
		case !ok:
			t.Errorf("package %s has no row in the table of layers", pkg)
		case doc == "":
			t.Errorf("package %s has no doc.go with a package comment", pkg)
		case found == nil:
			t.Errorf("the package comment of %s does not say \"Layer: %s\"", pkg, want)
		case found[1] != want:
			t.Errorf("the package comment of %s says layer %s, the table %s", pkg, found[1], want)
		}
	}
}

func parse(t *testing.T, text string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
