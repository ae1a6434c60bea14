package repocheck

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

const (
	maxLines   = 800
	maxMethods = 7
	maxParams  = 7
)

// No file that is written by hand is longer than 800 lines.
func TestFileLength(t *testing.T) {
	var lengths []int
	for _, f := range sources(t) {
		if f.generated {
			continue
		}
		if f.lines > maxLines {
			t.Errorf("%s has %d lines, at most %d are allowed", f.name, f.lines, maxLines)
		}
		if !f.test {
			lengths = append(lengths, f.lines)
		}
	}
	slices.Sort(lengths)
	sum := 0
	for _, n := range lengths {
		sum += n
	}
	fmt.Printf("%d files without tests, %d lines, median %d, longest %d\n", len(lengths), sum, lengths[len(lengths)/2], lengths[len(lengths)-1])
}

// oversized returns the functions with too many parameters and the interfaces with too many methods of a file.
func oversized(file *ast.File) map[ast.Node]string {
	found := map[ast.Node]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncType:
			if params := n.Params.NumFields(); params > maxParams {
				found[n] = fmt.Sprintf("function with %d parameters, at most %d are allowed", params, maxParams)
			}
		case *ast.InterfaceType:
			if methods := n.Methods.NumFields(); methods > maxMethods {
				found[n] = fmt.Sprintf("interface with %d methods, at most %d are allowed", methods, maxMethods)
			}
		}
		return true
	})
	return found
}

// A function has at most 7 parameters, an interface at most 7 methods.
func TestFunctionsAndInterfacesAreSmall(t *testing.T) {
	for _, f := range sources(t) {
		if f.generated {
			continue
		}
		for node, what := range oversized(f.syntax) {
			t.Errorf("%s: %s", f.at(node), what)
		}
	}
}

func TestOversizedIsFound(t *testing.T) {
	file := parse(t, `package x

type small interface { A(); B(); C(); D(); E(); F(); G() }
type large interface { A(); B(); C(); D(); E(); F(); small; G() }

func few(a, b, c, d, e, f, g int) {}
func many(a, b, c int, d, e, f, g, h string) {}

var _ = func(a, b, c, d, e, f, g, h int) {}
`)
	if got := oversized(file); len(got) != 3 {
		t.Errorf("found %v, want large, many and the function literal", got)
	}
}
