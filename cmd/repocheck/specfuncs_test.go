package repocheck

import (
	"encoding/csv"
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// areas lists the parts of the client still to come, for which a row of the map may wait.
var areas = []string{"fork-choice", "networking", "validator", "heze"}

// mayWait tells whether the functions of a file of the specification may wait for an area. Those of the state transition, forks, light client,
// custody, BLS and SSZ may not; of a fork that is not built yet all may.
func mayWait(file, area string) bool {
	if strings.HasPrefix(file, "specs/heze/") || area == "heze" {
		return strings.HasPrefix(file, "specs/heze/") && area == "heze"
	}
	must := []string{"beacon-chain.md", "fork.md", "das-core.md", "bls.md"}
	return !slices.Contains(must, path.Base(file)) && !strings.Contains(file, "/light-client/") && !strings.HasPrefix(file, "ssz/")
}

// symbols returns what the packages declare outside of tests: "<package>.<Symbol>" and "<package>.<Type>.<Method>".
func symbols(parsed []source) map[string]bool {
	declared := map[string]bool{}
	for _, f := range parsed {
		if f.test {
			continue
		}
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					name = receiver(d.Recv.List[0].Type) + "." + name
				}
				declared[f.pkg+"."+name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						declared[f.pkg+"."+s.Name.Name] = true
					case *ast.ValueSpec:
						for _, name := range s.Names {
							declared[f.pkg+"."+name.Name] = true
						}
					}
				}
			}
		}
	}
	return declared
}

// receiver is the name of the type of a method's receiver, without pointer and type parameters.
func receiver(expr ast.Expr) string {
	switch x := expr.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// checkRow says what is wrong with a row's "where", or nothing. An empty one is counted elsewhere.
func checkRow(file, where string, declared map[string]bool) string {
	switch {
	case slices.Contains(areas, where):
		if !mayWait(file, where) {
			return "may not wait for " + where
		}
	case !declared[where]:
		return fmt.Sprintf("%q is neither a symbol (package/path.Symbol or package/path.Type.Method) nor one of %v", where, areas)
	}
	return ""
}

// Every function of the specification is a symbol here, or waits for an area that it may wait for. The rows are extracted by
// tools/specfuncs.
func TestSpecificationFunctions(t *testing.T) {
	const name = "docs/specfuncs.csv"
	reader := csv.NewReader(strings.NewReader(read(t, name)))
	reader.FieldsPerRecord = 4
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"file", "function", "fork", "where"}) {
		t.Fatalf("%s does not begin with the columns file,function,fork,where", name)
	}
	declared := symbols(sources(t))
	seen := map[string]bool{}
	open := map[string][]string{}
	var order []string
	mapped, waiting := 0, 0
	for _, row := range rows[1:] {
		file, function, fork, where := row[0], row[1], row[2], row[3]
		if key := file + " " + function; seen[key] {
			t.Errorf("%s: two rows", key)
		} else {
			seen[key] = true
		}
		if strings.HasPrefix(file, "specs/") && !strings.HasPrefix(file, "specs/"+fork+"/") {
			t.Errorf("%s %s: fork %q", file, function, fork)
		}
		if where == "" {
			if open[file] == nil {
				order = append(order, file)
			}
			open[file] = append(open[file], function)
			continue
		}
		if wrong := checkRow(file, where, declared); wrong != "" {
			t.Errorf("%s %s: %s", file, function, wrong)
		}
		if slices.Contains(areas, where) {
			waiting++
		} else {
			mapped++
		}
	}
	for _, file := range order {
		t.Errorf("%s: %d open: %s", file, len(open[file]), strings.Join(open[file], " "))
	}
	fmt.Printf("%d functions of the specification: %d are symbols, %d wait for an area\n", len(rows)-1, mapped, waiting)
}

func TestCheckRow(t *testing.T) {
	file := parse(t, "package x\n\nfunc F() {}\n\ntype T[E any] struct{}\n\nfunc (t *T[E]) M() {}\n\nconst C = 1\n")
	declared := symbols([]source{{pkg: "beacon/x", syntax: file}, {pkg: "beacon/x", test: true, syntax: parse(t, "package x\n\nfunc OnlyTest() {}\n")}})
	for _, c := range []struct {
		file, where string
		wrong       bool
	}{
		{"specs/phase0/beacon-chain.md", "beacon/x.F", false},
		{"specs/phase0/beacon-chain.md", "beacon/x.T.M", false},
		{"specs/phase0/beacon-chain.md", "beacon/x.C", false},
		{"specs/phase0/beacon-chain.md", "beacon/x.G", true},
		{"specs/phase0/beacon-chain.md", "beacon/x.OnlyTest", true},
		{"specs/phase0/beacon-chain.md", "beacon/x.M", true},
		{"specs/phase0/beacon-chain.md", "x.F", true},
		{"specs/phase0/beacon-chain.md", "validator", true},
		{"specs/phase0/beacon-chain.md", "heze", true},
		{"specs/phase0/validator.md", "validator", false},
		{"specs/phase0/validator.md", "later", true},
		{"specs/altair/light-client/p2p-interface.md", "networking", true},
		{"specs/altair/fork.md", "fork-choice", true},
		{"specs/altair/fork-choice.md", "fork-choice", false},
		{"ssz/merkle-proofs.md", "validator", true},
		{"specs/heze/beacon-chain.md", "heze", false},
		{"specs/heze/beacon-chain.md", "networking", true},
	} {
		if wrong := checkRow(c.file, c.where, declared); (wrong != "") != c.wrong {
			t.Errorf("%s -> %q: %q, want wrong %t", c.file, c.where, wrong, c.wrong)
		}
	}
}
