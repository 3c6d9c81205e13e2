package forecast

import (
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// world is a set with what belongs to it, as plans change it. Its objects may be those of
// a snapshot, so that each is replaced by a changed copy, and its lists are its own.
type world struct {
	plan.Snapshot
	storage Storage
	// stays are the pods that do not get any further, as they are now.
	stays map[types.UID]bool
	// broken are revisions, with overrides, of which a pod is known that cannot start, with that
	// pod: see override.BuildOf.
	broken map[string]*corev1.Pod
	made   int // how many objects were made, for their UIDs
}

func newWorld(s plan.Snapshot, storage Storage) *world {
	w := &world{Snapshot: s, storage: storage, stays: map[types.UID]bool{}, broken: map[string]*corev1.Pod{}}
	w.Set = s.Set.DeepCopy()
	if data, err := revision.Data(w.Set); err == nil {
		w.Template = data // the planner says what is wrong otherwise
	}
	w.Pods, w.Revisions = slices.Clone(s.Pods), slices.Clone(s.Revisions)
	w.Claims = map[string]*corev1.PersistentVolumeClaim{}
	maps.Copy(w.Claims, s.Claims)
	return w
}

// carryOut does what one action says, without what it needs.
func (w *world) carryOut(a plan.Action) {
	switch o := a.Object.(type) {
	case *corev1.Pod:
		w.writePod(a, o.DeepCopy())
	case *appsv1.ControllerRevision:
		w.writeRevision(a, o.DeepCopy())
	case *corev1.PersistentVolumeClaim:
		claim := o.DeepCopy()
		if a.Verb == plan.Create {
			w.makeClaim(claim)
		} else {
			if change(claim, a.Change); a.Change.Claim != nil {
				changeClaim(claim, a.Change.Claim)
			}
		}
		w.Claims[claim.Name] = claim
	case *corev1.Service:
		service := o.DeepCopy()
		if a.Verb == plan.Create {
			w.born(service)
		} else {
			w.changeService(service, a.Change)
		}
		w.Service = service
	}
}

func (w *world) writePod(a plan.Action, pod *corev1.Pod) {
	switch a.Verb {
	case plan.Create:
		w.born(pod)
		pod.Status.Phase = corev1.PodPending
		w.Pods = append(w.Pods, pod)
		return
	case plan.RunHook:
		w.runHook(a.Hook)
		return
	case plan.Delete:
		pod.DeletionTimestamp = &metav1.Time{Time: w.Now}
		delete(w.stays, pod.UID)
	default:
		if w.own(a, pod); a.Change.Pod != nil {
			w.changeInPlace(pod, a.Change.Pod)
		}
	}
	w.replace(pod)
}

func (w *world) replace(pod *corev1.Pod) {
	i := slices.IndexFunc(w.Pods, func(p *corev1.Pod) bool { return p.Name == pod.Name })
	w.Pods[i] = pod
}

// pod is the one of a name, nil if there is none.
func (w *world) pod(name string) *corev1.Pod {
	for _, p := range w.Pods {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func (w *world) writeRevision(a plan.Action, r *appsv1.ControllerRevision) {
	w.Revisions = slices.DeleteFunc(w.Revisions, func(old *appsv1.ControllerRevision) bool { return old.Name == r.Name })
	switch a.Verb {
	case plan.Delete:
		return
	case plan.Create:
		w.born(r)
	case plan.Update:
		if change(r, a.Change); a.Change.Number != 0 {
			r.Revision = a.Change.Number
		}
	default:
		w.own(a, r)
	}
	w.Revisions = append(w.Revisions, r)
}

func (w *world) makeClaim(claim *corev1.PersistentVolumeClaim) {
	w.born(claim)
	w.storage.admit(claim)
	claim.Status.Phase, claim.Status.Capacity = corev1.ClaimBound, claim.Spec.Resources.Requests
	w.bind(claim)
}

// bind leaves a claim pending that nothing serves, and has it said why.
func (w *world) bind(claim *corev1.PersistentVolumeClaim) {
	trial := claim.DeepCopy()
	trial.Status.Phase = corev1.ClaimPending
	reason, why := w.storage.refuses(trial)
	if why == "" {
		return
	}
	claim.Status.Phase = corev1.ClaimPending
	w.Reported = append(slices.Clip(w.Reported), plan.Report{UID: claim.UID, Warning: true, Reason: reason, Message: why, At: w.Now})
}

func (w *world) changeService(service *corev1.Service, c plan.Change) {
	change(service, c)
	if c.Service != nil {
		service.Spec.Selector, service.Spec.Ports = c.Service.Selector, c.Service.Ports
		service.Spec.PublishNotReadyAddresses = c.Service.PublishNotReadyAddresses
	}
	if c.Unmanaged {
		service.ManagedFields = nil
	}
}

// own adopts or releases what an action names, or makes its change.
func (w *world) own(a plan.Action, o plan.Object) {
	switch a.Verb {
	case plan.Adopt:
		o.SetOwnerReferences(append(o.GetOwnerReferences(), *metav1.NewControllerRef(w.Set, identity.SetKind)))
	case plan.Release:
		o.SetOwnerReferences(slices.DeleteFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == w.Set.UID }))
	default:
		change(o, a.Change)
	}
}

// change makes an update's change of an object's metadata.
func change(o plan.Object, c plan.Change) {
	if c.Labels != nil {
		all := maps.Clone(c.Labels)
		for key, value := range o.GetLabels() {
			if _, has := all[key]; !has {
				all[key] = value
			}
		}
		o.SetLabels(all)
	}
	if c.Owners != nil {
		o.SetOwnerReferences(*c.Owners)
	}
	if len(c.Annotations) == 0 {
		return
	}
	all := maps.Clone(o.GetAnnotations())
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range c.Annotations {
		if delete(all, key); value != nil {
			all[key] = *value
		}
	}
	o.SetAnnotations(all)
}

// born gives a new object what the API server gives it.
func (w *world) born(o plan.Object) {
	w.made++
	o.SetUID(types.UID(fmt.Sprintf("forecast-%d", w.made)))
	o.SetCreationTimestamp(metav1.NewTime(w.Now))
}

func (w *world) minReady() time.Duration {
	return time.Duration(w.Set.Spec.MinReadySeconds) * time.Second
}

// claimsOf names the claims that there are for a pod, in order.
func (w *world) claimsOf(pod string) []string {
	var all []string
	for _, template := range identity.ClaimTemplates(plan.ClaimsOf(w.Set, w.Policies)) {
		if claim := w.Claims[template.Name+"-"+pod]; claim != nil {
			all = append(all, claim.Name)
		}
	}
	slices.Sort(all)
	return all
}
