package repocheck

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// pure lists the packages whose results depend on their arguments only.
var pure = []string{
	"beacon/ssz", "beacon/ssz/plist", "beacon/types", "beacon/transition", "beacon/das", "forkchoice",
	"beacon/p2p/peers", "gossip", "sync/light", "sync/download", "sync/rangesync", "sync/backfill", "sync/lookup",
}

// exact lists the packages of the consensus rules themselves, where no float may decide anything.
var exact = []string{
	"beacon/params", "beacon/ssz", "beacon/ssz/plist", "beacon/types", "beacon/transition", "beacon/das", "forkchoice", "sync/light",
}

// impure lists imports, with all below them, that bring in the world outside. net/netip is values and stays allowed.
var impure = []string{"context", "log", "math/rand", "net", "os", "syscall", module + "/beacon/metrics"}

// clocks lists what package time offers besides its types: pure code may be handed a time and never ask for it.
var clocks = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// impurities returns what a pure file uses that it may not, each with its node.
func impurities(file *ast.File) map[ast.Node]string {
	found := map[ast.Node]string{}
	timeName := ""
	for _, spec := range file.Imports {
		p := importPath(spec)
		if p != "net/netip" && slices.ContainsFunc(impure, func(bad string) bool { return p == bad || strings.HasPrefix(p, bad+"/") }) {
			found[spec] = "import of " + p
		}
		if p == "time" {
			timeName = path.Base(p)
			if spec.Name != nil {
				timeName = spec.Name.Name
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && timeName != "" && x.Name == timeName && slices.Contains(clocks, selector.Sel.Name) {
				found[selector] = "time." + selector.Sel.Name
			}
		}
		return true
	})
	return found
}

// floats returns the uses of floating point in a file.
func floats(file *ast.File) map[ast.Node]string {
	found := map[ast.Node]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.Ident:
			if n.Name == "float64" || n.Name == "float32" {
				found[n] = n.Name
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT {
				found[n] = "floating-point literal " + n.Value
			}
		}
		return true
	})
	return found
}

// Pure packages do no input or output, read no clock, log nothing and know no context.
func TestPurePackages(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || !slices.Contains(pure, f.pkg) {
			continue
		}
		for node, what := range impurities(f.syntax) {
			t.Errorf("%s: %s in a pure package", f.at(node), what)
		}
	}
}

// No float stands anywhere in consensus code.
func TestNoFloats(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || !slices.Contains(exact, f.pkg) {
			continue
		}
		for node, what := range floats(f.syntax) {
			t.Errorf("%s: %s in consensus code", f.at(node), what)
		}
	}
}

// Nothing happens at import: no package has an init function.
func TestNoInit(t *testing.T) {
	for _, f := range sources(t) {
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init function", f.at(fn))
			}
		}
	}
}

// What the checks above look for is found where it is and not where it is not.
func TestImpuritiesAreFound(t *testing.T) {
	const text = `package x

import (
	"log/slog"
	"net/netip"
	"os"
	clock "time"
)

func f(d clock.Duration) { clock.Sleep(d); slog.Info("x"); os.Exit(netip.X) ; g(1.5, float64(2), 1<<3) }
`
	file := parse(t, text)
	if got := len(impurities(file)); got != 3 {
		t.Errorf("%d impurities, want 3: log/slog, os, time.Sleep", got)
	}
	if got := len(floats(file)); got != 2 {
		t.Errorf("%d floats, want 2", got)
	}
}
