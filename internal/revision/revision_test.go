package revision_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"ordinal.dev/ordinal/internal/revision"
)

// The data, hash and name of this set's revision were taken from the in-tree
// controller of Kubernetes 1.37.2.
func TestARevisionIsTheOneThatTheInTreeControllerMakes(t *testing.T) {
	r := must(revision.New(web("nginx:1"), 3, 0))
	wantData := `{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"nginx:1","name":"app","resources":{}}]}}}}`
	if string(r.Data.Raw) != wantData {
		t.Errorf("data\n%s\nwant\n%s", r.Data.Raw, wantData)
	}
	want := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-f544956f", Namespace: "shop",
			Labels:          map[string]string{"app": "web", "controller.kubernetes.io/hash": "f544956f"},
			Annotations:     map[string]string{"kubernetes.io/change-cause": "x"},
			OwnerReferences: r.OwnerReferences,
		},
		Data: r.Data, Revision: 3,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("New (-want +got):\n%s", diff)
	}
	if owner := metav1.GetControllerOf(r); owner == nil || owner.UID != "uid-web" || owner.Kind != "StatefulSet" {
		t.Errorf("owned by %v", owner)
	}
	if again := must(revision.New(web("nginx:1"), 3, 1)); again.Name != "web-f544956d" {
		t.Errorf("after a collision it is called %s", again.Name)
	}
}

func TestATemplateWithoutLabelsHasARevisionWithItsHash(t *testing.T) {
	set := web("nginx:1")
	set.Spec.Template.Labels = nil
	r := must(revision.New(set, 1, 0))
	if hash := revision.Hash(r.Data.Raw, 0); len(r.Labels) != 1 || r.Labels[revision.HashLabel] != hash || r.Name != "web-"+hash {
		t.Errorf("%s is labelled %v, and the hash is %s", r.Name, r.Labels, hash)
	}
}

func TestTheTemplateOfARevisionIsTheOneItWasMadeFrom(t *testing.T) {
	set := web("nginx:1")
	template := must(revision.Template(must(revision.New(set, 1, 0))))
	if diff := cmp.Diff(&set.Spec.Template, template); diff != "" {
		t.Errorf("Template (-want +got):\n%s", diff)
	}
	for _, data := range []string{`{"spec":{}}`, `{`} {
		broken := &appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: []byte(data)}}
		if _, err := revision.Template(broken); err == nil {
			t.Errorf("%s passes for a template", data)
		}
	}
}

// Upstream's name would not fit into the pods' label (kubernetes#64023).
func TestANameFitsIntoALabel(t *testing.T) {
	for length, want := range map[int]int{3: 3, 52: 52, 53: 52, 63: 52} {
		name := revision.Name(strings.Repeat("x", length), "0123456789")
		if name != strings.Repeat("x", want)+"-0123456789" {
			t.Errorf("a set of %d characters has the revision %s", length, name)
		}
	}
}

func TestANameIsNotCutAfterADot(t *testing.T) {
	if name := revision.Name(strings.Repeat("x", 51)+".y", "0123456789"); name != strings.Repeat("x", 51)+"-0123456789" {
		t.Errorf("the revision is %s", name)
	}
}

// The in-tree controller has left it, and could create no pod.
func TestARevisionThatNoPodCanCarryIsMadeAnew(t *testing.T) {
	set := web("nginx:1")
	set.Name = strings.Repeat("x", 60)
	upstreams := must(revision.New(set, 1, 0))
	upstreams.Name = set.Name + "-" + upstreams.Labels[revision.HashLabel]
	ours := decide(set, []*appsv1.ControllerRevision{upstreams})
	if ours.Change != revision.Create || len(ours.Update.Name) > 63 || ours.Update.Revision != 2 {
		t.Fatalf("%+v: want a second revision whose name fits", ours)
	}
	again := decide(set, []*appsv1.ControllerRevision{upstreams, ours.Update})
	if again.Change != revision.Unchanged || again.Update != ours.Update {
		t.Errorf("%+v: want it found again", again)
	}
	ours.Update.Data.Raw = append(ours.Update.Data.Raw, ' ') // the same in other bytes
	if again := decide(set, []*appsv1.ControllerRevision{ours.Update, upstreams}); again.Change != revision.Create {
		t.Errorf("%+v: want another, since the newest cannot be used", again)
	}
}

func decide(set *appsv1.StatefulSet, history []*appsv1.ControllerRevision) revision.Decision {
	return revision.Decide(set, must(revision.Data(set)), history, 0)
}

func TestATemplateIsFoundInItsHistory(t *testing.T) {
	history := func(images ...string) (all []*appsv1.ControllerRevision) {
		for i, image := range images {
			all = append(all, must(revision.New(web(image), int64(i+1), 0)))
		}
		return all
	}
	tests := map[string]struct {
		history []*appsv1.ControllerRevision
		change  revision.Change
		number  int64
	}{
		"the first":                {nil, revision.Create, 1},
		"new":                      {history("nginx:1", "nginx:2"), revision.Create, 3},
		"unchanged":                {history("nginx:1", "nginx:3"), revision.Unchanged, 2},
		"an earlier one again":     {history("nginx:3", "nginx:1"), revision.Renumber, 3},
		"the latest of equal ones": {history("nginx:3", "nginx:3", "nginx:1"), revision.Renumber, 4},
		"equal to the newest too":  {history("nginx:3", "nginx:1", "nginx:3"), revision.Unchanged, 3},
	}
	for name, test := range tests {
		d := decide(web("nginx:3"), test.history)
		if d.Change != test.change || d.Update.Revision != test.number {
			t.Errorf("%s: change %d, number %d; want %d, %d", name, d.Change, d.Update.Revision, test.change, test.number)
		}
	}
	old := history("nginx:3", "nginx:1")
	if d := decide(web("nginx:3"), old); d.Update == old[0] || old[0].Revision != 1 {
		t.Error("renumbering changed the revision it was given")
	}
}

// kubernetes#134773: an upgrade of Kubernetes must not restart every pod.
func TestARevisionOfAnOlderKubernetesIsNotTakenForAnother(t *testing.T) {
	r := must(revision.New(web("nginx:1"), 1, 0))
	r.Data.Raw = []byte(strings.Replace(string(r.Data.Raw), `"metadata":{`, `"metadata":{"creationTimestamp":null,`, 1))
	if d := decide(web("nginx:1"), []*appsv1.ControllerRevision{r}); d.Change != revision.Unchanged || d.Update != r {
		t.Errorf("change %d; want the revision that is there", d.Change)
	}
}

func TestHistoryIsSortedByNumberThenAgeThenName(t *testing.T) {
	at := func(name string, number int64, age time.Duration) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1e9, 0).Add(-age))}, Revision: number,
		}
	}
	all := []*appsv1.ControllerRevision{at("e", 3, 0), at("d", 2, 1), at("c", 2, 1), at("b", 2, time.Hour), at("a", 1, 0)}
	revision.Sort(all)
	var names string
	for _, r := range all {
		names += r.Name
	}
	if names != "abcde" {
		t.Errorf("sorted: %s", names)
	}
}

func TestSurplusIsTheOldestThatNobodyUses(t *testing.T) {
	var history []*appsv1.ControllerRevision
	for _, name := range []string{"a", "b", "c", "d"} {
		history = append(history, &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	live := map[string]bool{"b": true}
	for limit, want := range map[int]string{-1: "", 0: "acd", 1: "ac", 2: "a", 3: "", 9: ""} {
		var got string
		for _, r := range revision.Surplus(history, live, limit) {
			got += r.Name
		}
		if got != want {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
	}
}

func web(image string) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", Namespace: "shop", UID: "uid-web", Annotations: map[string]string{"kubernetes.io/change-cause": "x"},
		},
		Spec: appsv1.StatefulSetSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
		}},
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
