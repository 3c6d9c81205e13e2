package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ordinal.dev/ordinal"

// root is the repository's directory, seen from this package's.
const root = "../.."

// graph maps an import path to what it imports, over every package of the
// module and all that they need. Tests are not part of it: they may use what
// they like.
type graph map[string][]string

func load(t *testing.T) graph {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		g[fields[0]] = fields[1:]
	}
	return g
}

// ours lists the module's packages under the given folders.
func (g graph) ours(folders ...string) []string {
	var found []string
	for path := range g {
		if slices.ContainsFunc(folders, func(f string) bool { return under(path, module+"/"+f) }) {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return found
}

// way is the shortest chain of imports from a package to one that is under any
// of targets, or nil.
func (g graph) way(from string, targets []string) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if underAny(at, targets) {
			var chain []string
			for ; at != ""; at = cameFrom[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range g[at] {
			if _, seen := cameFrom[next]; !seen {
				cameFrom[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func underAny(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return under(path, f) })
}

// source is one parsed Go file of the repository.
type source struct {
	path string // from the repository's root
	fset *token.FileSet
	file *ast.File
}

// sources parses every Go file in folder that a person wrote.
func sources(t *testing.T, folder string) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if !ast.IsGenerated(file) {
			found = append(found, source{path: rel, fset: fset, file: file})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s source) imports(path string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }
