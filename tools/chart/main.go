// Command chart writes what is made from charts/ordinal and for it: the fence's
// template, from the policy that the controller compares with; that of Ordinal's own
// kind, from its definition; that of the policies which accept changed claim templates; the
// table of values in the chart's README; and install.yaml, with what it leaves out.
//
//	go -C tools/chart run .          write them
//	go -C tools/chart run . -check   fail if one is not what would be written
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// root is the repository's, seen from this module's directory.
const root = "../.."

// made are the files, in the order in which they need each other.
var made = []struct {
	path string // from the root
	make func() ([]byte, error)
}{
	{"charts/ordinal/templates/fence.yaml", fenceTemplate},
	{"charts/ordinal/templates/crds.yaml", crdTemplate},
	{"charts/ordinal/templates/claim-templates.yaml", claimTemplatesTemplate},
	{"charts/ordinal/README.md", readme},
	{"install.yaml", install},
	{"install-claim-templates.yaml", installClaimTemplates},
}

func main() {
	check := flag.Bool("check", false, "write nothing, fail if something would change")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	for _, file := range made {
		want, err := file.make()
		if err != nil {
			return fmt.Errorf("%s: %w", file.path, err)
		}
		path := filepath.Join(root, file.path)
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
			continue
		}
		if check {
			return fmt.Errorf("%s is not what its sources give: run `make chart` and commit it", file.path)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			return err
		}
	}
	return nil
}
