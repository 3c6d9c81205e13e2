package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// A status that differs each time is written each time.
func TestAConditionOfAPolicyKeepsItsTime(t *testing.T) {
	files, err := filepath.Glob("testdata/policy-*/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), "\n---\n")
		s := parseWorld(t, input).snapshot(t)
		s.Policies = reported(plan.Make(s))
		before := reported(plan.Make(s))
		s.Now = s.Now.Add(time.Second)
		for i, policy := range reported(plan.Make(s)) {
			for _, is := range policy.Status.Conditions {
				was := meta.FindStatusCondition(before[i].Status.Conditions, is.Type)
				if was != nil && was.Status == is.Status && was.LastTransitionTime != is.LastTransitionTime {
					t.Errorf("%s: condition %s of %s is new, and was %s before", file, is.Type, policy.Name, was.Status)
				}
			}
		}
	}
}

// reported are the policies of a plan with the statuses that it reports.
func reported(p plan.Plan) []*v1alpha1.StatefulSetPolicy {
	var all []*v1alpha1.StatefulSetPolicy
	for _, made := range p.Policies {
		policy := made.Policy.DeepCopy()
		policy.Status = made.Status
		all = append(all, policy)
	}
	return all
}
