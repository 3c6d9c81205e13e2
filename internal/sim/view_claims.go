package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/claimtemplates"
)

// asked is what is asked of the claims of one template. What is zero is not asked for.
type asked struct {
	size       resource.Quantity
	class, tag string
}

func (a asked) String() string { return fmt.Sprintf("%s %s %s", a.size.String(), a.class, a.tag) }

// asks are what is asked of the claims of a set beside its spec, by template: by its policy,
// and else by the last apply.
func (v *view) asks() map[string]asked {
	all := map[string]asked{}
	record, _ := claimtemplates.Parse(v.set.Annotations[claimtemplates.Annotation]) // users write what can be read
	for _, w := range record {
		a := asked{size: w.Size, tag: w.Labels[tagLabel]}
		if w.VolumeAttributesClassName != nil {
			a.class = *w.VolumeAttributesClassName
		}
		all[w.Name] = a
	}
	if policy := v.policy(); policy != nil && policy.Spec.Claims != nil {
		for _, t := range policy.Spec.Claims.Templates {
			all[t.Name] = all[t.Name].overruledBy(t)
		}
	}
	return all
}

func (a asked) overruledBy(t v1alpha1.ClaimTemplate) asked {
	if t.Size != nil {
		a.size = *t.Size
	}
	if t.VolumeAttributesClassName != nil {
		a.class = *t.VolumeAttributesClassName
	}
	if tag := t.Labels[tagLabel]; tag != "" {
		a.tag = tag
	}
	return a
}

// mountsOther reports whether a pod is to be replaced, as one of another revision is, since it
// has an added claim that is not asked for, or has none that is.
func (v *view) mountsOther(pod *corev1.Pod) bool {
	if v.extra == nil {
		_, wanted := v.asks()[extraTemplate]
		v.extra = &wanted
	}
	return *v.extra != mounts(pod, extraTemplate+"-"+pod.Name)
}

// mountPatience is for how long a driver or a node has to do without a restart.
const mountPatience = 2 * time.Minute

// growsByRestart reports whether one of a pod's claims has been one that does not grow under
// it, in its life: what a controller has heard of that may be old.
func (v *view) growsByRestart(pod *corev1.Pod) bool {
	for _, e := range slices.Backward(v.log) {
		if e.Time.Before(pod.CreationTimestamp.Time) {
			return false
		}
		if claim, ok := e.Object.(*corev1.PersistentVolumeClaim); ok && mounts(pod, claim.Name) {
			since := saidSince(claim, corev1.PersistentVolumeClaimFileSystemResizePending).Time
			if !pod.CreationTimestamp.Time.Before(since) {
				since = attachedSince(claim)
			}
			if !since.IsZero() && !since.Add(mountPatience).After(v.now) {
				return true
			}
		}
	}
	return false
}

// attachedSince is since when the driver of a claim has said that it grows only what no pod
// has; zero if it has not.
func attachedSince(claim *corev1.PersistentVolumeClaim) time.Time {
	for _, c := range claim.Status.Conditions {
		if c.Type == corev1.PersistentVolumeClaimControllerResizeError && strings.Contains(c.Message, "FailedPrecondition") {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}
