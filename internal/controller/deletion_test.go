package controller

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deletedWithItsService is a world in which a set has gone in the background, and the
// garbage collector has begun with its Service.
func deletedWithItsService(t *testing.T) *world {
	t.Helper()
	set := web(2)
	set.Spec.ServiceName = "peers"
	w := newWorld(t, set)
	w.settle()
	w.Clock.Step(time.Minute)
	w.settle() // the Service is made
	for _, gone := range []client.Object{w.Set(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "peers"}}} {
		if err := w.API.Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestPodsOfASetThatIsGoneKeepTheirNames(t *testing.T) {
	w := deletedWithItsService(t)
	if writes, _, err := w.reconcile(); err != nil || !slices.Equal(writes, []string{"create services peers"}) {
		t.Errorf("wrote %v (%v), want the Service for the pods that are left", writes, err)
	}
	service := &corev1.Service{}
	if err := w.API.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "peers"}, service); err != nil {
		t.Fatal(err)
	}
	if owners := service.OwnerReferences; len(owners) != 2 || owners[0].Kind != "Pod" || owners[0].Name != "web-0" {
		t.Errorf("it is owned by %v, want the two pods: it goes with the last", owners)
	}
}

// orphaning reads pods as they are once the garbage collector has orphaned them, or the one
// of a name.
type orphaning struct {
	client.Reader
	only string
}

func (o orphaning) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	err := o.Reader.Get(ctx, key, into, options...)
	if _, isPod := into.(*corev1.Pod); isPod && (o.only == "" || o.only == key.Name) {
		into.SetOwnerReferences(nil)
	}
	return err
}

// A cache that is behind shows pods with an owner that they do not have any more.
func TestPodsThatWereOrphanedBecomeNoOwners(t *testing.T) {
	w := deletedWithItsService(t)
	w.live.Reader = orphaning{w.API, ""}
	if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
		t.Errorf("wrote %v (%v), want nothing: the pods are not the set's", writes, err)
	}
}

// Its user deleted it with its pods orphaned, and then with them after all.
func TestPodsThatWereNotOrphanedKeepTheirNamesBesideOneThatWas(t *testing.T) {
	w := deletedWithItsService(t)
	w.live.Reader = orphaning{w.API, "web-0"}
	if writes, _, err := w.reconcile(); err != nil || !slices.Equal(writes, []string{"create services peers"}) {
		t.Errorf("wrote %v (%v), want the Service for the pod that is the set's still", writes, err)
	}
}
