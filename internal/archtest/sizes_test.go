package archtest

import (
	"go/ast"
	"testing"
)

// A function fits on a screen, a file has one subject. These are the limits, not
// the aim: the aim is half of them.
const (
	maxFunctionLines = 80
	maxFileLines     = 400
)

func TestFunctionsAndFilesStayShort(t *testing.T) {
	for _, src := range sources(t, ".") {
		if lines := src.line(src.file.FileEnd); lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d: it has more than one subject", src.path, lines, maxFileLines)
		}
		for _, decl := range src.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := src.line(fn.End()) - src.line(fn.Pos()) + 1; lines > maxFunctionLines {
				t.Errorf("%s:%d: %s has %d lines, more than %d", src.path, src.line(fn.Pos()), fn.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}
