package jot_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// house is the package's code, read by the compiler's own reader.
type house struct {
	set   *token.FileSet
	files map[string]*ast.File
	info  *types.Info
	pkg   *types.Package
}

func readHouse(t *testing.T) *house {
	t.Helper()
	uses := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	h := &house{set: token.NewFileSet(), files: map[string]*ast.File{}, info: uses}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			h.files[name], err = parser.ParseFile(h.set, name, nil, 0)
			require.NoError(t, err)
			files = append(files, h.files[name])
		}
	}
	conf := types.Config{Importer: importer.ForCompiler(h.set, "source", nil)}
	h.pkg, err = conf.Check("github.com/go-jot/jot", h.set, files, h.info)
	require.NoError(t, err)
	return h
}

func (h *house) fileOf(pos token.Pos) string { return h.set.Position(pos).Filename }

// page is docs/request.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("docs/request.md")
	require.NoError(t, err)
	return string(text)
}

// cellsOf are the first cells of a table, without their marks, that match a pattern.
func cellsOf(text, pattern string) (cells []string) {
	for _, match := range regexp.MustCompile("(?m)^\\| `("+pattern+")` \\|").FindAllStringSubmatch(text, -1) {
		cells = append(cells, match[1])
	}
	return cells
}

// Data flows one way: a file uses only those below it on the page, and all of them are there.
func TestFilesUseThoseBelow(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the standard library's source")
	}
	h, order := readHouse(t), cellsOf(page(t), `\w+\.go`)
	require.Len(t, order, len(h.files))
	for name := range h.files {
		require.Contains(t, order, name)
	}
	for use, object := range h.info.Uses {
		if object.Pkg() == h.pkg {
			from, to := h.fileOf(use.Pos()), h.fileOf(object.Pos())
			require.LessOrEqual(t, slices.Index(order, from), slices.Index(order, to),
				"%s uses %s of %s, which stands above it", from, object.Name(), to)
		}
	}
}

// declared are the functions and methods by name, "pass.find" say, with their files.
func declared(t *testing.T) map[string]string {
	t.Helper()
	set, all := token.NewFileSet(), map[string]string{}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && !strings.HasSuffix(name, "_test.go") {
				all[nameOf(f)] = name
			}
		}
	}
	return all
}

func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	return of.(*ast.Ident).Name + "." + f.Name.Name
}

// The page names the steps in the order in which they run, and each function where it is.
func TestRequestPage(t *testing.T) {
	text, functions := page(t), declared(t)
	require.Equal(t, slices.Concat(without(steps(t, "check"), "judge"), steps(t, "judge")), cellsOf(text, "[a-z]+"))

	_, prose, _ := strings.Cut(text, "## A guarded request")
	for _, match := range regexp.MustCompile("`([a-zA-Z]+\\.[a-zA-Z]+)`").FindAllStringSubmatch(prose, -1) {
		if name := match[1]; !strings.HasSuffix(name, ".go") {
			require.Contains(t, functions, name)
		}
	}
	placed := regexp.MustCompile("`([\\w.]+)`(?:, in| \\(|,? in) ?`(\\w+\\.go)`").FindAllStringSubmatch(prose, -1)
	require.Greater(t, len(placed), 15)
	for _, match := range placed {
		require.Equal(t, match[2], functions[match[1]], match[1])
	}
}

// steps are the methods that one of a pass calls, in order.
func steps(t *testing.T, method string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "pass.go", nil, 0)
	require.NoError(t, err)
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && nameOf(f) == "pass."+method {
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.SelectorExpr); ok {
					names = append(names, call.Sel.Name)
				}
				return true
			})
		}
	}
	return names
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(other string) bool { return other == name })
}
