package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/internal/forecast"
	"ordinal.dev/ordinal/internal/plugin/proposal"
	"ordinal.dev/ordinal/test/world"
)

// What is forecast of a change is what happens then: the same pods stop and start in the
// same order, the same claims come and go, and it ends at the same revision.
func TestWhatIsForecastHappens(t *testing.T) {
	five, two := replicas(5), intstr.FromInt32(2)
	both := func(s *appsv1.StatefulSet) {
		s.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{
			Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{MaxUnavailable: &two},
		}
	}
	strategy := func(kind appsv1.StatefulSetUpdateStrategyType) edit {
		return func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = kind }
	}
	retention := func(whenScaled appsv1.PersistentVolumeClaimRetentionPolicyType) edit {
		return func(s *appsv1.StatefulSet) {
			s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenScaled: whenScaled, WhenDeleted: appsv1.RetainPersistentVolumeClaimRetentionPolicyType,
			}
		}
	}
	slow := func(s *appsv1.StatefulSet) { s.Spec.MinReadySeconds = 2 }
	labelled := func(s *appsv1.StatefulSet) { s.Labels = map[string]string{"team": "db"} }
	classless := func(s *appsv1.StatefulSet) {
		s.Spec.VolumeClaimTemplates[0].Spec.StorageClassName = ptr.To("nobodys")
	}
	for name, c := range map[string]foreseen{
		"roll-out":                   {was: all(), becomes: all(image("web:2")), restarts: 3},
		"slow roll-out":              {was: all(slow), becomes: all(slow, image("web:2")), restarts: 3},
		"roll-out in parallel":       {was: all(five, parallel, both), becomes: all(five, parallel, both, image("web:2")), restarts: 5},
		"roll-out two at a time":     {was: all(five, both), becomes: all(five, both, image("web:2")), restarts: 5},
		"partition":                  {was: all(partition(2)), becomes: all(partition(2), image("web:2")), restarts: 1},
		"partition that opens":       {was: all(partition(2)), then: all(partition(2), image("web:2")), becomes: all(partition(0), image("web:2")), restarts: 2},
		"scale up":                   {was: all(replicas(1)), becomes: all(replicas(4)), starts: 3},
		"scale up in parallel":       {was: all(replicas(1), parallel), becomes: all(replicas(4), parallel), starts: 3},
		"scale down, claims stay":    {was: all(), becomes: all(replicas(1)), goes: 2},
		"scale down, claims go":      {was: all(retention("Delete")), becomes: all(retention("Delete"), replicas(1)), goes: 2},
		"scale to nothing":           {was: all(parallel), becomes: all(parallel, replicas(0)), goes: 3},
		"scale up and roll out":      {was: all(replicas(2)), becomes: all(image("web:2")), restarts: 2, starts: 1},
		"scale down and roll out":    {was: all(), becomes: all(replicas(2), image("web:2")), restarts: 2, goes: 1},
		"on delete":                  {was: all(strategy("OnDelete")), becomes: all(strategy("OnDelete"), image("web:2"))},
		"recreate":                   {was: all(strategy("Recreate")), becomes: all(strategy("Recreate"), image("web:2")), restarts: 3},
		"back to what it was":        {was: all(), then: all(image("web:2")), becomes: all(image("web:1")), restarts: 3},
		"bad revision healed":        {was: all(), then: all(image("web:bad"), simulated(simnode.StateImagePullBackOff)), trouble: "web-2", becomes: all(image("web:3")), restarts: 3},
		"new":                        {becomes: all(), starts: 3},
		"new in parallel":            {becomes: all(parallel), starts: 3},
		"only the set":               {was: all(), becomes: all(labelled)},
		"a claim that nobody serves": {becomes: all(classless), starts: 1, stays: "class nobodys"},
	} {
		t.Run(name, c.check)
	}
}

// all is never nil, which stands for no set.
func all(edits ...edit) []edit { return append([]edit{}, edits...) }

// foreseen is a change of a set, and how many pods a person would expect it to befall.
type foreseen struct {
	was     []edit // the set as it is at first; nil for none
	then    []edit // what was applied after that, nil for nothing
	trouble string // the pod that cannot start then
	becomes []edit

	restarts, starts, goes int
	stays                  string // what it is to wait for in the end
}

func (f foreseen) check(t *testing.T) {
	w := newScene(t)
	if f.was != nil {
		w.apply(web(f.was...))
		w.Eventually(w.Ready("web", *web(f.was...).Spec.Replicas))
	}
	if f.then != nil {
		w.apply(web(f.then...))
		w.Eventually(w.settled(f.trouble))
	}
	w.Forget()
	report := w.forecast(web(f.becomes...))
	if len(report.Sets) != 1 || len(report.Refused) > 0 {
		t.Fatal(report.String())
	}
	said := &report.Sets[0]
	if got := [3]int{len(said.Restarted), len(said.Created), len(said.Removed)}; got != [3]int{f.restarts, f.starts, f.goes} {
		t.Errorf("%d pods restart, %d start and %d go:\n%s", got[0], got[1], got[2], said)
	}
	if said.Finishes != (f.stays == "") || !strings.Contains(strings.Join(said.Waits, "\n"), f.stays) {
		t.Errorf("it is to wait in the end for %q:\n%s", f.stays, said)
	}
	w.apply(web(f.becomes...))
	w.Eventually(w.cameTrue(said))
	w.Eventually(w.hasRest(said))
}

// apply does what kubectl apply --server-side does.
func (w *scene) apply(set *appsv1.StatefulSet) {
	w.Helper()
	manifest, err := json.Marshal(w.manifest(set).Object)
	w.Must(err)
	applied, err := w.Client.AppsV1().StatefulSets(w.Namespace).Patch(w.Ctx, set.Name, types.ApplyPatchType, manifest, metav1.PatchOptions{FieldManager: "kubectl", Force: ptr.To(true)})
	w.Must(err)
	w.Eventually(func() error { // what the test sees next may otherwise be the set as it was before
		if seen := w.Set(set.Name); seen == nil || seen.Generation < applied.Generation {
			return fmt.Errorf("what was applied is not seen yet")
		}
		return nil
	})
}

// manifest is a set as a person would have written it.
func (w *scene) manifest(set *appsv1.StatefulSet) *unstructured.Unstructured {
	w.Helper()
	data, err := json.Marshal(set)
	w.Must(err)
	object := &unstructured.Unstructured{}
	w.Must(json.Unmarshal(data, &object.Object))
	object.SetAPIVersion("apps/v1")
	object.SetKind("StatefulSet")
	delete(object.Object, "status")
	return object
}

func (w *scene) forecast(set *appsv1.StatefulSet) *proposal.Report {
	w.Helper()
	scheme := runtime.NewScheme()
	w.Must(errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	c, err := client.New(adminConfig, client.Options{Scheme: scheme})
	w.Must(err)
	p := proposal.New(c)
	w.Must(p.Apply(w.Ctx, []proposal.Document{{Source: "the test", Unstructured: w.manifest(set)}}, w.Namespace, false))
	report, err := p.Forecast(w.Ctx, time.Now())
	w.Must(err)
	return report
}

// settled objects until what was applied is done, or is in the trouble that it makes.
func (w *scene) settled(trouble string) func() error {
	if trouble != "" {
		return w.waitingIn(trouble)
	}
	return func() error {
		if c := w.Set("web"); c.Status.ObservedGeneration == c.Generation {
			for _, condition := range c.Status.Conditions {
				if condition.Type == appsv1.StatefulSetProgressing && condition.Reason == "Complete" {
					return nil
				}
			}
		}
		return fmt.Errorf("web is not at rest")
	}
}

// cameTrue objects until what happened to pods is what was forecast, and the set is as it
// was said to be in the end.
func (w *scene) cameTrue(f *forecast.Forecast) func() error {
	return func() error {
		ordered := oneAtATime(w.Set("web"))
		said, happened := saidOfPods(f), slices.DeleteFunc(w.Happened(), func(line string) bool {
			return !strings.HasSuffix(line, " stopping") && !strings.HasSuffix(line, " created")
		})
		if !sameOrder(said, happened, ordered) {
			return fmt.Errorf("happened:\n\t%s\nforecast:\n%s", strings.Join(happened, "\n\t"), f)
		}
		if ordered {
			if err := waitedFor(f, w.Happened()); err != nil {
				return err
			}
		}
		s := w.Set("web").Status
		if s.CurrentRevision != f.Current || s.UpdateRevision != f.Update || int(s.AvailableReplicas) != f.Available || s.ObservedGeneration != w.Set("web").Generation {
			return fmt.Errorf("in the end it is %s, not as forecast:\n%s", world.Summary(s), f)
		}
		return nil
	}
}

// oneAtATime reports whether no pod of a set stops or starts beside another one.
func oneAtATime(set *appsv1.StatefulSet) bool {
	update := set.Spec.UpdateStrategy.RollingUpdate
	return set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement && (update == nil || update.MaxUnavailable == nil || update.MaxUnavailable.IntValue() <= 1)
}

// saidOfPods is a forecast in the words of a test's history, by what is said to happen
// together.
func saidOfPods(f *forecast.Forecast) [][]string {
	words := map[string]string{"delete": " stopping", "create": " created"}
	var said [][]string
	round := -1
	for _, s := range f.Steps {
		if s.Kind != "pod" || words[s.Verb] == "" {
			continue
		}
		if s.Round != round {
			said = append(said, nil)
		}
		round = s.Round
		said[len(said)-1] = append(said[len(said)-1], s.Name+words[s.Verb])
	}
	return said
}

// sameOrder compares what was said with what happened. What is said to happen together
// may happen in any order. Where more than one pod goes at a time, each comes back as soon as
// it has gone, whatever the others do; the order is that in which pods stop.
func sameOrder(said [][]string, happened []string, ordered bool) bool {
	if !ordered {
		created := only("created", happened)
		if !sameLines(only("created", slices.Concat(said...)), created) {
			return false
		}
		happened = only("stopping", happened)
		for i := range said {
			said[i] = only("stopping", said[i])
		}
	}
	for _, together := range said {
		if ordered && len(together) > 1 && len(only("created", together)) > 0 {
			return false // one at a time is what in order means
		}
		if len(happened) < len(together) || !sameLines(together, happened[:len(together)]) {
			return false
		}
		happened = happened[len(together):]
	}
	return len(happened) == 0
}

// waitedFor holds what a forecast says of waits against what happened: when a pod stopped
// or started, those that it was said to wait for were available, or gone.
func waitedFor(f *forecast.Forecast, happened []string) error {
	words := map[string]string{"delete": " stopping", "create": " created"}
	for _, s := range f.Steps {
		at := slices.Index(happened, s.Name+words[s.Verb])
		if s.After == "" || at < 0 {
			continue
		}
		last := map[string]string{}
		for _, line := range happened[:at] {
			pod, what, _ := strings.Cut(line, " ")
			last[pod] = what
		}
		for pod, what := range last {
			mustBeGone := s.After == pod+" is gone" || s.After == "all outdated pods are gone" && what != "ready" && what != "created"
			if s.After == pod+" is available" && what != "ready" || mustBeGone && what != "gone" {
				return fmt.Errorf("%s was to wait until %s, and %s was %s then", s.Name, s.After, pod, what)
			}
		}
	}
	return nil
}

func only(what string, lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasSuffix(line, what) })
}

func sameLines(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// hasRest objects until the Service and the claims are there that were forecast, and those
// are not that were said to go.
func (w *scene) hasRest(f *forecast.Forecast) func() error {
	return func() error {
		there := world.Names(w.Claims())
		for _, s := range f.Steps {
			if s.Kind == "service" && w.Service(s.Name) == nil {
				return fmt.Errorf("there is no Service %s", s.Name)
			}
			if s.Kind == "claim" && s.Verb != "update" && slices.Contains(there, s.Name) != (s.Verb == "create") {
				return fmt.Errorf("the claims are %v, not as forecast:\n%s", there, f)
			}
		}
		for _, name := range f.Kept {
			if !slices.Contains(there, name) {
				return fmt.Errorf("claim %s was to stay:\n%s", name, f)
			}
		}
		return nil
	}
}

// What the API server refuses, the forecast says in its words.
func TestWhatWouldBeRefusedIsSaidSo(t *testing.T) {
	w := newScene(t)
	w.apply(web())
	for want, e := range map[string]edit{
		`claim template "data" cannot change in accessModes`: func(s *appsv1.StatefulSet) {
			s.Spec.VolumeClaimTemplates[0].Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		},
		"`selector` does not match template `labels`": func(s *appsv1.StatefulSet) {
			s.Spec.Template.Labels = map[string]string{"app": "wbe"}
		},
	} {
		report := w.forecast(web(e))
		if len(report.Refused) != 1 || !strings.Contains(report.Refused[0].Why, want) {
			t.Errorf("want a refusal for %q, got:\n%s", want, report)
		}
	}
}
