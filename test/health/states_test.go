package health

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A state is a set as the API server has it, and what is true of it: see TestStates of
// internal/plan, which writes them.
type state struct {
	Name      string
	Set       unstructured.Unstructured
	RolledOut bool
}

// forEachState calls f for the state of each of the planner's golden files.
func forEachState(t *testing.T, f func(t *testing.T, s *state)) {
	t.Helper()
	states, err := states()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		t.Run(s.Name, func(t *testing.T) { f(t, s) })
	}
	t.Logf("%d states", len(states))
}

var states = sync.OnceValues(func() (all []*state, err error) {
	dir, err := os.MkdirTemp("", "states-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "states")
	plan := exec.Command("go", "test", "-count=1", "-run=^TestStates$", "./internal/plan", "-states="+file)
	plan.Dir = "../.."
	if out, err := plan.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", plan, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		s := &state{}
		if err := json.Unmarshal(line, s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
})

// number is a field of the set, absent where there is none.
func (s *state) number(absent int64, path ...string) int64 {
	if n, has, _ := unstructured.NestedInt64(s.Set.Object, path...); has {
		return n
	}
	return absent
}

func (s *state) word(path ...string) string {
	word, _, _ := unstructured.NestedString(s.Set.Object, path...)
	return word
}

// What others look at, and what they overlook.
func (s *state) wanted() int64    { return s.number(1, "spec", "replicas") }
func (s *state) strategy() string { return s.word("spec", "updateStrategy", "type") }

// hasOnlyReady reports whether pods are ready, and not yet for spec.minReadySeconds.
func (s *state) hasOnlyReady() bool {
	return s.number(0, "status", "availableReplicas") < s.number(0, "status", "readyReplicas")
}

// areUpdated reports whether as many pods are updated as the partition lets be.
func (s *state) areUpdated() bool {
	return s.number(0, "status", "updatedReplicas") >= s.wanted()-s.number(0, "spec", "updateStrategy", "rollingUpdate", "partition")
}

// hasMore reports whether pods are there that are not wanted any more.
func (s *state) hasMore() bool { return s.number(0, "status", "replicas") > s.wanted() }

// is reports whether a condition is True.
func (s *state) is(condition string) bool {
	status, _ := s.condition(condition)
	return status == "True"
}

// condition is a condition's status and message, empty where it is not there.
func (s *state) condition(kind string) (status, message string) {
	conditions, _, _ := unstructured.NestedSlice(s.Set.Object, "status", "conditions")
	for _, c := range conditions {
		if c := c.(map[string]any); c["type"] == kind {
			return c["status"].(string), c["message"].(string)
		}
	}
	return "", ""
}
