package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A person or a controller that watches a claim sees it grow as a driver would have it.
func TestAClaimOfTheDefaultClassGrows(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	states := w.statesUntil("data-web-0", "2Mi")
	w.askFor("data-web-0", "2Mi")
	w.Eventually(w.hasGrown("data-web-0", "2Mi"))

	want := []string{
		"has 1Mi",
		"has 1Mi, Resizing, 2Mi ControllerResizeInProgress",
		"has 2Mi, 2Mi",
	}
	if got := states(); !slices.Equal(got, want) {
		t.Errorf("the claim was seen as\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.Eventually(w.saidOf("data-web-0", "Resizing", "VolumeResizeSuccessful", "ExternalExpanding"))
}

func TestAClaimThatNoPodMountsGrows(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	w.scale(0)
	w.Eventually(w.Ready("web", 0))
	w.askFor("data-web-0", "2Mi")
	w.Eventually(w.hasGrown("data-web-0", "2Mi"))
}

func TestAClaimThatIsAskedTwiceEndsAtTheLargest(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	for size := 2; size <= 11; size++ { // as fast as the API takes them
		w.askFor("data-web-0", fmt.Sprintf("%dMi", size))
	}
	w.Eventually(w.hasGrown("data-web-0", "11Mi"))
}

func TestAClaimDoesNotShrink(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	_, err := w.resize("data-web-0", "500Ki")
	if err == nil || !strings.Contains(err.Error(), "field can not be less than status.capacity") {
		t.Errorf("asked to shrink, the API says: %v", err)
	}
}

func (w *scene) resize(claim, size string) (*corev1.PersistentVolumeClaim, error) {
	patch := fmt.Sprintf(`{"spec":{"resources":{"requests":{"storage":%q}}}}`, size)
	return w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Patch(w.Ctx, claim, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
}

func (w *scene) askFor(claim, size string) {
	w.Helper()
	_, err := w.resize(claim, size)
	w.Must(err)
}

// hasGrown objects until the claim and its volume have that size, and the claim says
// nothing of growth any more.
func (w *scene) hasGrown(name, size string) func() error {
	want := resource.MustParse(size)
	return func() error {
		claim := w.Claim(name)
		volume, err := w.Client.CoreV1().PersistentVolumes().Get(w.Ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if claim.Status.Capacity.Storage().Cmp(want) != 0 || volume.Spec.Capacity.Storage().Cmp(want) != 0 {
			return fmt.Errorf("%s %s, and its volume has %s, not %s", name, growth(claim), volume.Spec.Capacity.Storage(), size)
		}
		if said, want := growth(claim), fmt.Sprintf("has %s, %s", size, size); said != want {
			return fmt.Errorf("%s %s, and not only %q", name, said, want)
		}
		return nil
	}
}

// growth is what a claim says of its size.
func growth(claim *corev1.PersistentVolumeClaim) string {
	parts := []string{"has " + claim.Status.Capacity.Storage().String()}
	for _, c := range claim.Status.Conditions {
		if c.Type != corev1.PersistentVolumeClaimUnused {
			parts = append(parts, strings.TrimSpace(string(c.Type)+" "+c.Message))
		}
	}
	if allocated, is := claim.Status.AllocatedResources[corev1.ResourceStorage]; is {
		parts = append(parts, strings.TrimSpace(allocated.String()+" "+string(claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage])))
	}
	return strings.Join(parts, ", ")
}

// statesUntil watches a claim, and says what was seen of its size until it had the last.
func (w *scene) statesUntil(name, last string) func() []string {
	w.Helper()
	end := resource.MustParse(last)
	ctx, stop := context.WithCancel(w.Ctx)
	only := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	watch, err := w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Watch(ctx, only)
	w.Must(err)
	var states []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range watch.ResultChan() {
			claim, is := e.Object.(*corev1.PersistentVolumeClaim)
			if !is {
				continue
			}
			if state := growth(claim); len(states) == 0 || states[len(states)-1] != state {
				states = append(states, state)
			}
			if claim.Status.Capacity.Storage().Cmp(end) == 0 {
				return
			}
		}
	}()
	return func() []string {
		<-ended
		stop()
		return states
	}
}

// saidOf objects until there are events of these reasons about a claim.
func (w *scene) saidOf(claim string, reasons ...string) func() error {
	return func() error {
		var said []string
		for _, e := range w.Events() {
			if e.InvolvedObject.Kind == "PersistentVolumeClaim" && e.InvolvedObject.Name == claim {
				said = append(said, e.Reason)
			}
		}
		for _, r := range reasons {
			if !slices.Contains(said, r) {
				return fmt.Errorf("of %s is said %v, and not %s", claim, said, r)
			}
		}
		return nil
	}
}
