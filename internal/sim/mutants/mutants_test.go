//go:build mutants

package mutants

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/sim"
)

var enough = flag.Int("enough", 20_000, "within how many seeds each mutant is found")

// hunted is a mutant, and what the histories are about that it is hunted in: few of all
// histories are about what the later mutants break.
type hunted struct {
	mutant
	about sim.Subject
}

// all are the mutants, in the order of docs/reliability.md.
func all() []hunted {
	return slices.Concat(about("", mutants), about("", laterMutants),
		about(sim.AboutPolicies, policyMutants), about(sim.AboutInPlace, inPlaceMutants), about(sim.AboutPolicies, hookMutants),
		about(sim.AboutMembers, memberMutants), about(sim.AboutClaims, claimMutants))
}

func about(subject sim.Subject, mutants []mutant) (all []hunted) {
	for _, m := range mutants {
		all = append(all, hunted{m, subject})
	}
	return all
}

// Code that moves takes the place away in which a bug is planted. To see that takes no
// history.
func TestEveryMutantFits(t *testing.T) {
	for _, m := range all() {
		source, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.right); n != 1 {
			t.Errorf("%s: %s says %q %d times, and it has to be once", m.name, m.file, m.right, n)
		}
	}
}

// TestEveryMutantIsFound builds the simulator with each bug and plays histories
// until a promise is broken.
func TestEveryMutantIsFound(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, m := range all() {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			seed, promise := m.hunt(t, root)
			t.Logf("found by seed %d", seed)
			fmt.Fprintf(&table, "| %s | %d | %s |\n", m.name, seed, promise)
		})
	}
	t.Logf("\n| the bug | found by seed | the promise |\n| --- | --- | --- |\n%s", table.String())
}

var found = regexp.MustCompile(`seed (\d+) breaks a promise: (.*)`)

// hunt returns the seed that found the mutant and the promise it broke.
func (m *hunted) hunt(t *testing.T, root string) (seed int, promise string) {
	binary := filepath.Join(t.TempDir(), "soak")
	build := exec.Command("go", "build", "-overlay", m.plant(t, root), "-o", binary, "./internal/sim/soak")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not build: %v\n%s", err, out)
	}
	out, err := exec.Command(binary, "-from", "1", "-runs", fmt.Sprint(*enough), "-for", "0", "-about", string(m.about), "-promise", m.promise).CombinedOutput()
	match := found.FindSubmatch(out)
	if err == nil || match == nil {
		t.Fatalf("not found in %d histories: %v\n%s", *enough, err, out)
	}
	if _, err := fmt.Sscan(string(match[1]), &seed); err != nil {
		t.Fatal(err)
	}
	return seed, string(match[2])
}

// plant writes the wrong file and returns the overlay that puts it in the place of
// the right one.
func (m *mutant) plant(t *testing.T, root string) (overlay string) {
	path := filepath.Join(root, "internal", m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong.go")
	overlay = filepath.Join(dir, "overlay.json")
	files, err := json.Marshal(map[string]map[string]string{"Replace": {path: wrong}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(source), m.right, m.wrong, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, files, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
