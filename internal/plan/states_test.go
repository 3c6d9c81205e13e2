package plan_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
)

var states = flag.String("states", "", "the file to write the golden worlds' sets to, with the status that is planned; a line of JSON each")

// A state is what an API server has of a set when its plan has been carried out as far
// as the status, and what is true of it.
type state struct {
	Name string             `json:"name"`
	Set  appsv1.StatefulSet `json:"set"`
	// RolledOut is whether every wanted pod is available, at the revision that the
	// strategy has it at, and no other is left. It is told by the pods, not by the status.
	RolledOut bool `json:"rolledOut"`
}

// TestStates writes what test/health has others judge: programs that know a set by its
// object alone.
func TestStates(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	rolledOut := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), "\n---\n")
		s := parseWorld(t, input).state(t)
		s.Name = strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".golden")
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
		if s.RolledOut {
			rolledOut++
		}
	}
	if rolledOut == 0 || rolledOut == len(files) {
		t.Errorf("%d of %d sets are rolled out", rolledOut, len(files))
	}
	if *states != "" {
		if err := os.WriteFile(*states, lines, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// state is the set as the API server has it, defaults included, but for its template.
func (w *world) state(t *testing.T) state {
	snapshot := w.snapshot(t)
	made := plan.Make(snapshot)
	set := snapshot.Set
	set.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}
	set.Status = made.Status
	strategy := &set.Spec.UpdateStrategy
	if set.Spec.Replicas == nil {
		set.Spec.Replicas = new(int32(1))
	}
	if strategy.Type == "" {
		strategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
	}
	if strategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		if strategy.RollingUpdate == nil {
			strategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
		}
		if strategy.RollingUpdate.Partition == nil {
			strategy.RollingUpdate.Partition = new(int32(0))
		}
	}
	is := state{RolledOut: rolledOut(set, plan.Wanted(set, snapshot.Policies), w.overridesNow(), addedNow(set, snapshot.Policies), snapshot.Pods, snapshot.Now)}
	set.Spec.Template, set.Spec.VolumeClaimTemplates = corev1.PodTemplateSpec{}, nil
	is.Set = *set
	return is
}

// rolledOut is [state.RolledOut].
func rolledOut(set *appsv1.StatefulSet, wanted identity.Ordinals, overrides override.Overrides, added string, pods []*corev1.Pod, now time.Time) bool {
	missing := wanted.Count
	selector, err := identity.Selector(set)
	if err != nil {
		return false
	}
	for _, pod := range pods {
		if !metav1.IsControlledBy(pod, set) || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		_, ordinal, _ := identity.Parse(pod.Name)
		if pod.Name != identity.PodName(set.Name, ordinal) {
			continue
		}
		ready := readiness(pod)
		available := pod.Status.Phase == corev1.PodRunning && ready.Status == corev1.ConditionTrue &&
			now.Sub(ready.LastTransitionTime.Time) >= time.Duration(set.Spec.MinReadySeconds)*time.Second
		if !wanted.Contains(ordinal) || pod.DeletionTimestamp != nil || !available || !isUpdated(set, pod, ordinal-wanted.Start, overrides.For(ordinal), added) {
			return false
		}
		missing--
	}
	return missing == 0
}

// isUpdated reports whether a pod is at the revision that the strategy has it at, with its
// override and the claims that are added, and not on its way there in place.
func isUpdated(set *appsv1.StatefulSet, pod *corev1.Pod, index int, o *override.Override, added string) bool {
	strategy := set.Spec.UpdateStrategy
	switch {
	case strategy.Type == appsv1.OnDeleteStatefulSetStrategyType,
		strategy.RollingUpdate != nil && index < int(ptr.Deref(strategy.RollingUpdate.Partition, 0)):
		return true
	}
	return identity.Revision(pod) == set.Status.UpdateRevision && override.HashOn(pod) == o.Hash() &&
		(pod.Annotations[plan.AddedAnnotation] == added || isStranded(set, pod)) && pod.Annotations[plan.InPlaceAnnotation] == ""
}
