package repocheck

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/cresset/cresset"
)

// source is one parsed Go file.
type source struct {
	name      string // slash-separated, from the repository's root
	pkg       string // import path below the module
	test      bool
	generated bool
	lines     int
	syntax    *ast.File
	positions *token.FileSet
}

// at names the place of a node.
func (f source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.positions.Position(node.Pos()).Line)
}

// files returns the names of all files of the repository that are written here, from its root: not what is built (bin), data (data,
// testdata), or begins with a dot.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") && base != ".ci" || base == "data" || base == "testdata" || base == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		names = append(names, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// sources parses all Go files.
func sources(t *testing.T) []source {
	t.Helper()
	positions := token.NewFileSet()
	var parsed []source
	for _, name := range files(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		text := read(t, name)
		syntax, err := parser.ParseFile(positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, source{
			name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(syntax),
			lines: strings.Count(text, "\n"), syntax: syntax, positions: positions,
		})
	}
	if len(parsed) == 0 {
		t.Fatal("no Go file found")
	}
	return parsed
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// importPath is what an import declaration imports. The parser has checked that it is a string.
func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err)
	}
	return p
}
