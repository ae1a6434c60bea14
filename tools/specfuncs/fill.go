package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// symbols finds all functions and methods of a repository outside of tests, by goCase of their names.
func symbols(repository fs.FS) (map[string][]string, error) {
	named := map[string][]string{}
	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || slices.Contains([]string{"bin", "data", "testdata", "tools"}, base)) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(base) != ".go" || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(repository, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			symbol := fn.Name.Name
			if fn.Recv != nil {
				symbol = receiver(fn.Recv.List[0].Type) + "." + symbol
			}
			key := goCase(fn.Name.Name)
			named[key] = append(named[key], path.Dir(name)+"."+symbol)
		}
		return nil
	})
	return named, err
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

// goCase makes process_slot, ProcessSlot and processSlot the same.
func goCase(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// fill sets "where" of the open rows that exactly one symbol is named after.
func fill(entries []entry, named map[string][]string) {
	for i := range entries {
		if found := named[goCase(entries[i].function)]; entries[i].where == "" && len(found) == 1 {
			entries[i].where = found[0]
		}
	}
}
