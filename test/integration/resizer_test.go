package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
)

// A resizer grows the claims of a scene as the sidecar of a CSI driver and the kubelet do
// together, as far as the API shows it.
type resizer struct {
	*scene
	mu             sync.Mutex
	refuses        map[string]string // by claim: what its driver says
	slow           map[string]bool   // claims that it has begun with, and does not end
	growsOnMount   bool              // a file system grows when it is mounted
	growsUnmounted bool              // a volume grows while no pod has it
}

// resizes starts a resizer for the volumes that the scene has, which ends with it. They are
// not the single-machine cluster's own any more, which grow by themselves.
func (w *scene) resizes(change func(*resizer)) *resizer {
	w.Helper()
	r := &resizer{scene: w, refuses: map[string]string{}, slow: map[string]bool{}}
	if change != nil {
		change(r)
	}
	for _, claim := range w.Claims() {
		patch := []byte(`{"metadata":{"annotations":{"pv.kubernetes.io/provisioned-by":"example.com/resizer"}}}`)
		_, err := w.Client.CoreV1().PersistentVolumes().Patch(w.Ctx, claim.Spec.VolumeName, types.MergePatchType, patch, metav1.PatchOptions{})
		w.Must(err)
	}
	claims, err := w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Watch(w.Ctx, metav1.ListOptions{})
	w.Must(err)
	pods, err := w.Client.CoreV1().Pods(w.Namespace).Watch(w.Ctx, metav1.ListOptions{})
	w.Must(err)
	go r.follow(claims)
	go r.follow(pods)
	return r
}

// follow looks at all claims whenever something happens.
func (r *resizer) follow(events watch.Interface) {
	defer events.Stop()
	for range events.ResultChan() {
		r.lookAtAll()
	}
}

func (r *resizer) lookAtAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).List(r.Ctx, metav1.ListOptions{})
	if err != nil {
		return // the scene is over
	}
	for i := range list.Items {
		claim := &list.Items[i]
		has := claim.Status.Capacity[corev1.ResourceStorage]
		if claim.Status.Phase == corev1.ClaimBound && has.Cmp(claim.Spec.Resources.Requests[corev1.ResourceStorage]) < 0 {
			r.resize(claim)
		}
	}
}

// resize reports the next that becomes of a claim.
func (r *resizer) resize(claim *corev1.PersistentVolumeClaim) {
	words, refused := r.refuses[claim.Name]
	pending := slices.IndexFunc(claim.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool {
		return c.Type == corev1.PersistentVolumeClaimFileSystemResizePending
	})
	switch {
	case refused:
		r.report(claim, corev1.PersistentVolumeClaimControllerResizeInfeasible, corev1.PersistentVolumeClaimControllerResizeError, words)
	case r.slow[claim.Name]:
		r.report(claim, corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimResizing, "")
	case r.growsUnmounted && r.isMounted(claim.Name):
		r.report(claim, corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimControllerResizeError,
			"rpc error: code = FailedPrecondition desc = the volume is in use")
	case r.growsOnMount && (pending < 0 || !r.mountedSince(claim.Name, claim.Status.Conditions[pending].LastTransitionTime)):
		r.report(claim, corev1.PersistentVolumeClaimNodeResizePending, corev1.PersistentVolumeClaimFileSystemResizePending,
			"Waiting for user to (re-)start a pod to finish file system resize of volume on node.")
	default:
		r.grown(claim)
	}
}

// isMounted reports whether there is a pod with a claim.
func (r *resizer) isMounted(claim string) bool {
	return slices.ContainsFunc(r.Pods(), func(p *corev1.Pod) bool { return strings.HasSuffix(claim, "-"+p.Name) })
}

// mountedSince reports whether a pod has begun to run with a claim since a time.
func (r *resizer) mountedSince(claim string, since metav1.Time) bool {
	return slices.ContainsFunc(r.Pods(), func(p *corev1.Pod) bool {
		return strings.HasSuffix(claim, "-"+p.Name) && p.Status.Phase == corev1.PodRunning && since.Before(&p.CreationTimestamp)
	})
}

// report writes a status and a condition of a claim, unless it has them. An error is one of
// some minutes, so that nobody waits for it to pass.
func (r *resizer) report(claim *corev1.PersistentVolumeClaim, status corev1.ClaimResourceStatus, kind corev1.PersistentVolumeClaimConditionType, words string) {
	if claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage] == status {
		return
	}
	since := metav1.Now()
	if kind == corev1.PersistentVolumeClaimControllerResizeError {
		since.Time = since.Add(-3 * time.Minute)
	}
	condition := corev1.PersistentVolumeClaimCondition{Type: kind, Status: corev1.ConditionTrue, Message: words, LastTransitionTime: since}
	r.patchClaim(claim.Name, map[string]any{
		"allocatedResourceStatuses": map[string]any{"storage": status}, "conditions": []any{condition},
	}, "status")
}

// grown has a claim have what it asks for.
func (r *resizer) grown(claim *corev1.PersistentVolumeClaim) {
	r.patchClaim(claim.Name, map[string]any{
		"allocatedResourceStatuses": nil, "conditions": nil, "capacity": claim.Spec.Resources.Requests,
	}, "status")
}

func (r *resizer) patchClaim(name string, status map[string]any, to ...string) {
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		panic(err) // it has no fields that could not be encoded
	}
	_, err = r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Patch(r.Ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, to...)
	if err != nil && r.Ctx.Err() == nil {
		r.Log(err) // it has changed; that is an event, too
	}
}

// ends has a claim grow to the end with which the resizer was slow.
func (r *resizer) ends(claim string) {
	r.mu.Lock()
	delete(r.slow, claim)
	r.mu.Unlock()
	r.lookAtAll()
}

// growing gives a set a class of the scene's own, whose volumes may grow.
func (w *scene) growing(mayGrow bool) edit {
	w.Helper()
	local, err := w.Client.StorageV1().StorageClasses().Get(w.Ctx, "local", metav1.GetOptions{})
	w.Must(err)
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}, Provisioner: local.Provisioner,
		ReclaimPolicy: local.ReclaimPolicy, VolumeBindingMode: local.VolumeBindingMode, AllowVolumeExpansion: &mayGrow,
	}
	_, err = w.Client.StorageV1().StorageClasses().Create(w.Ctx, class, metav1.CreateOptions{})
	w.Must(err)
	w.Cleanup(func() {
		_ = admin.StorageV1().StorageClasses().Delete(w.Context(), class.Name, metav1.DeleteOptions{})
	})
	return func(s *appsv1.StatefulSet) {
		for i := range s.Spec.VolumeClaimTemplates {
			s.Spec.VolumeClaimTemplates[i].Spec.StorageClassName = ptr.To(class.Name)
		}
	}
}

// sizes objects unless the claims ask for these amounts, by their names.
func (w *scene) sizes(want map[string]string) func() error {
	return func() error {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			claim := w.Claim(name)
			if claim == nil {
				return fmt.Errorf("there is no claim %s", name)
			}
			size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
			if size.Cmp(resource.MustParse(want[name])) != 0 {
				return fmt.Errorf("claim %s asks for %s, not %s", name, &size, want[name])
			}
		}
		return nil
	}
}

// resizeClaim asks for another size of a claim, as a person does.
func (w *scene) resizeClaim(name, size string) {
	w.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"resources":{"requests":{"storage":%q}}}}`, size)
	_, err := w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Patch(w.Ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	w.Must(err)
}

// labelled objects unless a claim has a label.
func (w *scene) labelled(claim, key, value string) func() error {
	return func() error {
		if got := w.Claim(claim).Labels[key]; got != value {
			return fmt.Errorf("label %s of claim %s is %q, not %q", key, claim, got, value)
		}
		return nil
	}
}
