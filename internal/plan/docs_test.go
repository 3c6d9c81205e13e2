package plan_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/plan"
)

// The contract and the golden files are one text: no link leads nowhere, and no
// group of golden files is left out.
func TestTheContractLinksItsGoldenFiles(t *testing.T) {
	contract := readDoc(t, "semantics.md") + readDoc(t, "policy.md")
	links := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	for _, text := range []string{contract, readDoc(t, "deviations.md")} {
		for _, link := range links.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("../../docs", link[1])); err != nil {
				t.Errorf("a link leads nowhere: %v", err)
			}
		}
	}
	groups, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		if !strings.Contains(contract, "](../internal/plan/"+group+")") {
			t.Errorf("neither docs/semantics.md nor docs/policy.md links %s", group)
		}
	}
}

func TestEveryFeatureIsExplained(t *testing.T) {
	deviations := readDoc(t, "deviations.md")
	for _, f := range plan.Features() {
		if !strings.Contains(deviations, "\n## "+string(f)+"\n") || !strings.Contains(deviations, "| `"+string(f)+"` |") {
			t.Errorf("docs/deviations.md does not explain %s", f)
		}
	}
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
