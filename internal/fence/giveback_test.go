package fence

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// saying is a namespace with a label's value, and annotations in the order sets, claims,
// leaving; empty for none.
func saying(label string, annotations ...string) *corev1.Namespace {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}, Annotations: map[string]string{}}}
	if label != "" {
		namespace.Labels[Label] = label
	}
	for i, value := range annotations {
		if value != "" {
			namespace.Annotations[[]string{SetsAnnotation, ClaimsAnnotation, LeavingAnnotation}[i]] = value
		}
	}
	return namespace
}

// setWith is a set with claim templates.
func setWith(name string, templates ...string) *appsv1.StatefulSet {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, template := range templates {
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: template}})
	}
	return set
}

func said(label *string, annotations map[string]*string) string {
	if label == nil {
		return "nothing"
	}
	words := []string{*label}
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if value := annotations[key]; value != nil {
			words = append(words, strings.TrimPrefix(key, "ordinal.dev/")+"="+*value)
		}
	}
	return strings.Join(words, " ")
}

func TestWhatIsGivenBackLeavesTheLists(t *testing.T) {
	existing := []*appsv1.StatefulSet{setWith("web", "data"), setWith("my-web", "data"), setWith("db", "data", "wal")}
	const claims = "data-db,data-my-web,data-web,wal-db"
	for _, test := range []struct {
		name      string
		namespace *corev1.Namespace
		existing  []*appsv1.StatefulSet
		sets      []string
		want      string
	}{
		{"the whole namespace", saying(Ordinal, "", "", All), existing, nil, "nothing"},
		{"all that are listed", saying(OrdinalSets, "web", "data-web", "web"), existing, []string{"web"}, "nothing"},
		{"whole lists", saying(OrdinalSets, "web,db", claims, ""), existing, nil, "nothing"},
		{"one of several", saying(OrdinalSets, "db,my-web,web", claims, "web"), existing, []string{"web"},
			"ordinal-sets set-claims=data-db,data-my-web,wal-db sets=db,my-web"},
		{"one whose claims end as another's name does", saying(OrdinalSets, "my-web,web", "data-my-web,data-web", "my-web"), existing, []string{"my-web"},
			"ordinal-sets set-claims=data-web sets=web"},
		{"others go on leaving", saying(OrdinalSets, "db,web", claims, "db,web"), existing, []string{"web"},
			"ordinal-sets leaving=db set-claims=data-db,wal-db sets=db"},
		{"one that stays and is gone keeps its claims", saying(OrdinalSets, "db,web", claims, ""), existing[:1], []string{"web"},
			"ordinal-sets set-claims=data-db,wal-db sets=db"},
		{"one that is gone itself", saying(OrdinalSets, "db,gone", "data-db,data-gone,wal-db", "gone"), existing, []string{"gone"},
			"ordinal-sets set-claims=data-db,wal-db sets=db"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := said(GiveBack(test.namespace, test.existing, test.sets...)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestLeavingAddsToThoseThatLeave(t *testing.T) {
	for _, test := range []struct {
		leaving string
		sets    []string
		want    string
	}{
		{"", nil, "*"}, {"", []string{"web"}, "web"}, {"db", []string{"web"}, "db,web"}, {"*", []string{"web"}, "*"}, {"db", nil, "*"},
	} {
		t.Run(fmt.Sprintf("%q %v", test.leaving, test.sets), func(t *testing.T) {
			if got := Leave(saying(OrdinalSets, "db,web", "", test.leaving), test.sets...); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
