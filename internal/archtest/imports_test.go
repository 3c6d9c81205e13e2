package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

var (
	// pure packages decide; they take the world as a value and return a value.
	pure = []string{"internal/claimtemplates", "internal/identity", "internal/override", "internal/revision", "internal/plan", "internal/forecast"}

	// pureMayImport is everything beyond the standard library that a pure
	// package may name: types, and helpers on types.
	pureMayImport = []string{
		"k8s.io/api",
		"k8s.io/apimachinery",
		"k8s.io/utils/ptr",
		"sigs.k8s.io/json",
		module + "/api",
		module + "/internal/claimtemplates",
		module + "/internal/identity",
		module + "/internal/override",
		module + "/internal/revision",
		module + "/internal/plan",
	}

	// impureStd is what of the standard library does I/O, or differs from one
	// run to the next.
	impureStd = []string{
		"crypto/rand", "database", "embed", "io/fs", "io/ioutil", "log", "math/rand",
		"net", "os", "path/filepath", "plugin", "runtime", "syscall", "testing", "unsafe",
	}

	// clients speak to an API server.
	clients = []string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"}

	// clusterParts make up a Kubernetes, and cost ten minutes to compile.
	clusterParts = []string{
		"k8s.io/kubernetes", "go.etcd.io/etcd/server", "github.com/containerd", "github.com/coredns",
	}

	// light is what must never need a Kubernetes of its own.
	light = []string{
		"cmd/ordinal-controller", "cmd/kubectl-ordinal", "internal/plugin", "internal/fence", "internal/claimadmission", "internal/controller", "internal/footprint", "internal/sim",
		"test/arena", "test/e2e", "test/fence", "bench/api", "bench/cluster", "bench/least", "examples",
	}

	// heavy is what may name the parts of a cluster; bench/intree is the one that
	// we are compared with, and test/integration has upstream's defaults to hold ours
	// against.
	heavy = []string{"cmd/ordinal", "internal/cli", "internal/cluster", "bench/intree", "test/integration"}
)

func TestPurePackagesImportOnlyTypes(t *testing.T) {
	g := load(t)
	for _, pkg := range g.ours(pure...) {
		for _, imported := range g[pkg] {
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			switch {
			case standard && underAny(imported, impureStd):
				t.Errorf("%s imports %s: a pure package does no I/O and gives the same answer twice", pkg, imported)
			case !standard && !underAny(imported, pureMayImport):
				t.Errorf("%s imports %s: a pure package imports the Kubernetes API types and its like", pkg, imported)
			}
		}
	}
}

func TestPurePackagesReachNoClient(t *testing.T) {
	forbid(t, pure, slices.Concat(clients, clusterParts))
}

func TestControllerNeedsNoKubernetes(t *testing.T) {
	forbid(t, light, clusterParts)
}

func TestOnlyTheClusterNamesItsParts(t *testing.T) {
	g := load(t)
	allowed := g.ours(heavy...)
	for pkg, imports := range g {
		if !under(pkg, module) || slices.Contains(allowed, pkg) {
			continue
		}
		for _, imported := range imports {
			if underAny(imported, clusterParts) {
				t.Errorf("%s imports %s: only internal/cluster, the commands on it, bench/intree and test/integration may", pkg, imported)
			}
		}
	}
}

// forbid fails for each of our packages under folders that reaches any of targets.
func forbid(t *testing.T, folders, targets []string) {
	t.Helper()
	g := load(t)
	for _, pkg := range g.ours(folders...) {
		if way := g.way(pkg, targets); way != nil {
			t.Errorf("%s must not need %s, but does:\n\t%s", pkg, way[len(way)-1], strings.Join(way, "\n\t"))
		}
	}
}

func TestPurePackagesReadNoClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, folder := range pure {
		for _, src := range sources(t, folder) {
			forEachCall(src, "time", func(name string, line int) {
				if slices.Contains(clock, name) && !strings.HasSuffix(src.path, "_test.go") {
					t.Errorf("%s:%d calls time.%s: the time is a field of the snapshot", src.path, line, name)
				}
			})
		}
	}
}

func TestNothingSleepsToWait(t *testing.T) {
	for _, src := range sources(t, ".") {
		if src.imports("testing/synctest") {
			continue // there, sleeping is how a test moves its clock
		}
		forEachCall(src, "time", func(name string, line int) {
			if name == "Sleep" {
				t.Errorf("%s:%d sleeps: wait for what you wait for, or use the injected clock", src.path, line)
			}
		})
	}
}

// forEachCall visits every pkg.Name in a file that imports pkg by its own name.
func forEachCall(src source, pkg string, visit func(name string, line int)) {
	ast.Inspect(src.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg {
			visit(sel.Sel.Name, src.line(sel.Pos()))
		}
		return true
	})
}
