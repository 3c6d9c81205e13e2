package forecast

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/plan"
)

// lookClosely has the plan see all pods and claims whole, as they are in a forecast.
func (w *world) lookClosely() {
	w.Closely = map[types.UID]*corev1.Pod{}
	for _, pod := range w.Pods {
		w.Closely[pod.UID] = pod
	}
	w.ClaimsClosely = map[types.UID]*corev1.PersistentVolumeClaim{}
	for _, claim := range w.Claims {
		w.ClaimsClosely[claim.UID] = claim
	}
	w.refuseStill()
}

// takeAll has the API server take all pods of dry runs, and reports whether any is new.
func (w *world) takeAll(pods map[string]*corev1.Pod) (isNew bool) {
	dryRuns := maps.Clone(w.DryRuns)
	if dryRuns == nil {
		dryRuns = map[string]plan.DryRun{}
	}
	for at := range pods {
		if _, had := dryRuns[at]; !had {
			dryRuns[at], isNew = plan.DryRun{At: w.Now}, true
		}
	}
	w.DryRuns = dryRuns
	return isNew
}

// changeInPlace makes the change of a pod that is updated where it is: its node does at once
// what is asked of it, and restarts the containers whose image is another.
func (w *world) changeInPlace(pod *corev1.Pod, c *plan.PodChange) {
	pod.Labels, pod.Annotations = changed(pod.Labels, c.Labels), changed(pod.Annotations, c.Annotations)
	for i := range pod.Spec.Containers {
		container := &pod.Spec.Containers[i]
		status := slices.IndexFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container.Name })
		if r, resized := c.Resources[container.Name]; resized {
			container.Resources = r
			if status >= 0 {
				pod.Status.ContainerStatuses[status].Resources = &r
			}
		}
		if image, restarted := c.Images[container.Name]; restarted {
			container.Image = image
			if status >= 0 {
				w.made++
				s := &pod.Status.ContainerStatuses[status]
				s.ContainerID = fmt.Sprintf("forecast://%d", w.made)
				s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(w.Now)}}
			}
		}
	}
}

// changed is a map with these values set, or removed where they are nil.
func changed(all map[string]string, change map[string]*string) map[string]string {
	made := maps.Clone(all)
	if made == nil {
		made = map[string]string{}
	}
	for key, value := range change {
		if delete(made, key); value != nil {
			made[key] = *value
		}
	}
	return made
}

// runHook is a hook that succeeds at once. A role that is asked for is none; one that a label
// tells moves with the hand-over.
func (w *world) runHook(c *plan.HookCall) {
	w.HookRuns = slices.DeleteFunc(slices.Clone(w.HookRuns), func(r plan.HookRun) bool { return r.UID == c.UID && r.Name == c.Name })
	w.HookRuns = append(w.HookRuns, plan.HookRun{UID: c.UID, In: c.Pod.UID, Name: c.Name, Revision: c.Revision, Began: w.Now, Ended: w.Now, Since: w.Now, OK: true})
	policy := plan.PolicyFor(w.Policies)
	if c.Name != plan.HandOverHook || policy == nil || policy.Spec.Role == nil || policy.Spec.Role.Label == "" {
		return
	}
	if pod := w.pod(c.Pod.Name); pod != nil {
		old := pod.DeepCopy()
		delete(old.Labels, policy.Spec.Role.Label)
		w.replace(old)
	}
}
