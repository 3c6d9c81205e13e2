package snapshot

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/plan"
)

// on is a volume that can be reached by any of these terms, each a list of host names; a term
// of another kind is "zone".
func on(terms ...string) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv"}}
	if terms == nil {
		return v
	}
	required := &corev1.NodeSelector{}
	for _, term := range terms {
		key := corev1.LabelHostname
		if term == "zone" {
			key = corev1.LabelTopologyZone
		}
		required.NodeSelectorTerms = append(required.NodeSelectorTerms, corev1.NodeSelectorTerm{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: strings.Split(term, ",")}},
		})
	}
	v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: required}
	return v
}

func TestAVolumeHasLostItsNodesWhenNoneOfThemExists(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "ip-10-0-0-1", Labels: map[string]string{corev1.LabelHostname: "a"}}}
	for what, test := range map[string]struct {
		volume *corev1.PersistentVolume
		want   []string
	}{
		"its node exists under another name": {on("a"), nil},
		"its node does not exist":            {on("b"), []string{"b"}},
		"one of its nodes exists":            {on("b,a"), nil},
		"none of its nodes exists":           {on("c,b", "b"), []string{"b", "c"}},
		"another term may be met":            {on("b", "zone"), nil},
		"it can be reached from everywhere":  {on(), nil},
	} {
		t.Run(what, func(t *testing.T) {
			w := controllertest.New(t, node, test.volume)
			s := &plan.Snapshot{Set: web(1), Now: w.Clock.Now()}
			looked, err := Look(t.Context(), w.API, s, &plan.Plan{VolumeLooks: []string{"pv"}})
			if got := s.Volumes["pv"]; err != nil || !looked || !slices.Equal(got.LostNodes, test.want) || got.Unknown != "" || !got.At.Equal(s.Now) {
				t.Errorf("looked %t, err %v, %+v; want %v", looked, err, got, test.want)
			}
		})
	}
}

// forbidden may read nothing.
type forbidden struct{ client.Reader }

func (forbidden) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return apierrors.NewForbidden(corev1.Resource("persistentvolumes"), "pv", nil)
}

func TestAVolumeThatMayNotBeReadIsUnknown(t *testing.T) {
	w := controllertest.New(t)
	s := &plan.Snapshot{Set: web(1), Now: w.Clock.Now()}
	_, err := Look(t.Context(), forbidden{w.API}, s, &plan.Plan{VolumeLooks: []string{"pv"}})
	if got := s.Volumes["pv"]; err != nil || got.Unknown == "" || got.LostNodes != nil {
		t.Errorf("err %v, %+v", err, got)
	}
}

func TestClaimsThatDoNotExistAreSaidToBeGone(t *testing.T) {
	w := controllertest.New(t, controllertest.ClaimOf(0))
	s := &plan.Snapshot{Set: web(1), Now: w.Clock.Now()}
	looked, err := Look(t.Context(), w.API, s, &plan.Plan{ClaimLooks: []string{"data-web-0", "data-web-1"}})
	if err != nil || !looked || len(s.ClaimsClosely) != 1 || !s.ClaimsGone["data-web-1"] || s.ClaimsGone["data-web-0"] {
		t.Errorf("looked %t, err %v, read %v, gone %v", looked, err, s.ClaimsClosely, s.ClaimsGone)
	}
}
