package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ordinal.dev/ordinal/internal/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files' plans from what plan.Make returns")

// TestGolden checks every file under testdata: a world in YAML, a line "---",
// and the plan for it as text.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".golden")
		t.Run(name, func(t *testing.T) { checkGolden(t, file) })
	}
}

func checkGolden(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	input, want, _ := strings.Cut(string(content), "\n---\n")
	input = strings.TrimRight(input, "\n")
	w := parseWorld(t, input)
	before := w.snapshot(t)
	made := plan.Make(before)
	got := w.shorten(made.String())
	if diff := cmp.Diff(w.snapshot(t), before); diff != "" {
		t.Errorf("plan.Make modified the snapshot:\n%s", diff)
	}
	if made.Status.ObservedGeneration != w.Set.Generation {
		t.Errorf("the status speaks of generation %d, and the set is at %d", made.Status.ObservedGeneration, w.Set.Generation)
	}
	slices.Reverse(before.Pods)
	slices.Reverse(before.Revisions)
	slices.Reverse(before.Sharing)
	slices.Reverse(before.Neighbours)
	if again := plan.Make(before); w.shorten(again.String()) != got {
		t.Errorf("the plan depends on the order of the snapshot's pods and revisions (-in order +reversed):\n%s", cmp.Diff(got, w.shorten(again.String())))
	}
	if *update {
		if err := os.WriteFile(file, []byte(input+"\n---\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}
