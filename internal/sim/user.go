package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// edits are the moves that change a set's spec.
var edits = map[What]func(set *appsv1.StatefulSet, m Move){
	scale:     func(set *appsv1.StatefulSet, m Move) { set.Spec.Replicas = ptr.To(int32(m.N)) },
	roll:      func(set *appsv1.StatefulSet, m Move) { setImage(set, nextImage(set, m.Text)) },
	rollBack:  func(set *appsv1.StatefulSet, m Move) { setImage(set, previousImage(set)) },
	partition: func(set *appsv1.StatefulSet, m Move) { rolling(set).Partition = ptr.To(int32(m.N)) },
	maxUnavailable: func(set *appsv1.StatefulSet, m Move) {
		rolling(set).MaxUnavailable = ptr.To(intstr.FromInt32(int32(m.N)))
	},
	strategy: func(set *appsv1.StatefulSet, m Move) {
		set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.StatefulSetUpdateStrategyType(m.Text)}
		if m.Text == "RollingUpdate" {
			set.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](0)}
		}
	},
	minReady: func(set *appsv1.StatefulSet, m Move) { set.Spec.MinReadySeconds = int32(m.N) },
	start: func(set *appsv1.StatefulSet, m Move) {
		set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: int32(m.N)}
	},
	retention: func(set *appsv1.StatefulSet, m Move) {
		set.Spec.PersistentVolumeClaimRetentionPolicy = policyOf(m.Text)
	},
	retune:       retuned,
	recordClaims: recorded,
	annotate: func(set *appsv1.StatefulSet, m Move) {
		metav1.SetMetaDataAnnotation(&set.ObjectMeta, "note", fmt.Sprint(m.N))
	},
}

// deeds are the other moves of users.
var deeds = map[What]func(w *World, m Move){
	create:    (*World).createSet,
	inherit:   (*World).inherit,
	autoscale: func(w *World, m Move) { w.autoscale(m.Set, 3*m.N) },
	endNamespace: func(w *World, _ Move) {
		w.api.Terminating[namespace] = true
		w.collector()
	},
	remove: func(w *World, m Move) {
		w.try(w.api.Delete(sets, keyOf(m.Set), &client.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletionPropagation(m.Text))}))
	},
	deletePod: func(w *World, m Move) {
		w.try(w.api.Delete(pods, keyOf(identity.PodName(m.Set, m.N)), &client.DeleteOptions{}))
	},
	deleteClaim: func(w *World, m Move) {
		w.judge.userDeletes(claimOf(m.Set, m.N))
		w.try(w.api.Delete(claims, keyOf(claimOf(m.Set, m.N)), &client.DeleteOptions{}))
		if m.Text == "and pod" {
			w.try(w.api.Delete(pods, keyOf(identity.PodName(m.Set, m.N)), &client.DeleteOptions{}))
		}
	},
	loseOwner: func(w *World, m Move) {
		w.editPod(m, func(pod *corev1.Pod) { pod.OwnerReferences = nil })
	},
	loseLabels: func(w *World, m Move) {
		w.editPod(m, func(pod *corev1.Pod) { pod.Labels["app"] = "quarantine" })
	},
	squat: (*World).squat,
	loseStatus: func(w *World, m Move) {
		if set := w.set(m.Set); set != nil {
			set.Status = appsv1.StatefulSetStatus{}
			w.try(w.api.UpdateStatus(set))
		}
	},
	dropRevision: func(w *World, m Move) {
		if set := w.set(m.Set); set != nil && set.Status.CurrentRevision == set.Status.UpdateRevision {
			w.try(w.api.Delete(revisions, keyOf(set.Status.UpdateRevision), &client.DeleteOptions{}))
		}
	},
	upgrade:        (*World).upgrade,
	bringService:   (*World).bringService,
	replaceService: (*World).replaceService,
	deleteService:  func(w *World, m Move) { w.deleteService(w.serviceOf(m.Set)) },
	editService:    (*World).editService,
	lodge:          (*World).lodge,
	writePolicy:    (*World).writePolicy,
	removePolicy:   (*World).removePolicy,
	stopRollOut:    func(w *World, m Move) { w.pausePolicies(m.Set, true) },
	goOn:           func(w *World, m Move) { w.pausePolicies(m.Set, false) },
	approve:        func(w *World, m Move) { w.approve(m.Set) },
	forgive:        func(w *World, m Move) { w.forgive(m.Set) },
	condemn:        (*World).condemn,
	limit:          (*World).limit,
	unlimit:        func(w *World, m Move) { delete(w.api.Budgets, keyOf(m.Set)) },
	lead:           (*World).lead,
	crowd: func(w *World, m Move) {
		w.counts.Faults++
		w.node(m.N).makeRoom(m.Text)
	},
	refuseResizes: func(w *World, m Move) { w.api.Resizing = apiserver.Resizing(m.Text) },
	growClaim:     (*World).growClaim,
	loseVolume:    (*World).loseVolume,
	wipeClaim:     (*World).wipeClaim,
	setMood:       (*World).setMood,
	refuseGrowth:  func(w *World, m Move) { w.api.Expanding = m.N == 0 },
	reserve:       (*World).reserveOrdinals,
	removeMember:  (*World).removeMember,
	endLeaves:     (*World).endLeaves,
	setOverrides:  (*World).overrideMembers,
	admit:         func(w *World, _ Move) { w.api.Classes[classy] = true },
	seeOffAll:     func(w *World, m Move) { w.seeOffAll(m.Set, func(*corev1.Pod) bool { return true }) },
	deleteAll: func(w *World, m Move) {
		for i := range 5 {
			w.try(w.api.Delete(pods, keyOf(identity.PodName(m.Set, i)), &client.DeleteOptions{}))
		}
	},
	quota: func(w *World, m Move) {
		delete(w.api.Quota, namespace)
		if m.N > 0 {
			w.api.Quota[namespace] = m.N
		}
	},
}

// autoscale changes a set's replicas some times, through its scale subresource.
func (w *World) autoscale(set string, times int) {
	if times == 0 || w.calm {
		return
	}
	w.try(w.api.UpdateScale(&autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: set},
		Spec:       autoscalingv1.ScaleSpec{Replicas: int32(w.rand("autoscaler").IntN(5))},
	}))
	w.after(w.between("autoscaler", time.Second, 10*time.Second), "autoscaler", func() { w.autoscale(set, times-1) })
}

// edit changes a set's spec as kubectl does, against the newest version.
func (w *World) edit(m Move, change func(*appsv1.StatefulSet, Move)) {
	set := w.set(m.Set)
	if set == nil {
		return
	}
	change(set, m)
	w.try(w.api.Update(set))
}

// set is a copy of a set as it is, nil if there is none.
func (w *World) set(name string) *appsv1.StatefulSet {
	object, err := w.api.Get(sets, keyOf(name))
	if err != nil {
		return nil
	}
	return object.(*appsv1.StatefulSet).DeepCopy()
}

func (w *World) editPod(m Move, change func(*corev1.Pod)) {
	object, err := w.api.Get(pods, keyOf(identity.PodName(m.Set, m.N)))
	if err != nil {
		return
	}
	pod := object.DeepCopyObject().(*corev1.Pod)
	change(pod)
	w.try(w.api.Update(pod))
}

// createSet makes a set of the shape that the move's text asks for.
func (w *World) createSet(m Move) { w.try(w.api.Create(newSet(m.Set, m.N, shapeOf(m.Text)))) }

// upgrade has every revision recorded as another version would have recorded it:
// it means the same.
func (w *World) upgrade(Move) {
	for _, object := range w.api.List(revisions, namespace) {
		r := object.DeepCopyObject().(*appsv1.ControllerRevision)
		r.Data.Raw = []byte(strings.Replace(string(r.Data.Raw), `"metadata":{`, `"metadata":{"creationTimestamp":null,`, 1))
		r.ResourceVersion = ""
		w.try(w.api.Delete(revisions, keyOf(r.Name), deleteOptions()))
		w.try(w.api.Create(r))
	}
}

// squat makes a pod of a member's name that belongs to nobody, or to another.
func (w *World) squat(m Move) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: identity.PodName(m.Set, m.N), Labels: map[string]string{"app": "other"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1-good"}}},
	}
	if m.N%2 == 0 {
		pod.Labels["app"] = m.Set // it may be adopted
	}
	w.try(w.api.Create(pod))
}

func policyOf(text string) *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy {
	deleted, scaled, _ := strings.Cut(text, "/")
	return &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
		WhenDeleted: appsv1.PersistentVolumeClaimRetentionPolicyType(deleted),
		WhenScaled:  appsv1.PersistentVolumeClaimRetentionPolicyType(scaled),
	}
}

func rolling(set *appsv1.StatefulSet) *appsv1.RollingUpdateStatefulSetStrategy {
	if set.Spec.UpdateStrategy.Type != appsv1.RollingUpdateStatefulSetStrategyType {
		return &appsv1.RollingUpdateStatefulSetStrategy{} // nothing to change
	}
	if set.Spec.UpdateStrategy.RollingUpdate == nil {
		set.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
	}
	return set.Spec.UpdateStrategy.RollingUpdate
}

// imagesAnnotation keeps the images that a set had, for rolling back.
const imagesAnnotation = "images"

// nextImage is an image that no pod has had.
func nextImage(set *appsv1.StatefulSet, how string) string {
	had := strings.Fields(set.Annotations[imagesAnnotation])
	had = append(had, set.Spec.Template.Spec.Containers[0].Image)
	metav1.SetMetaDataAnnotation(&set.ObjectMeta, imagesAnnotation, strings.Join(had, " "))
	return fmt.Sprintf("app:%d-%s", len(had)+1, how)
}

func previousImage(set *appsv1.StatefulSet) string {
	had := strings.Fields(set.Annotations[imagesAnnotation])
	now := set.Spec.Template.Spec.Containers[0].Image
	if i := slices.Index(had, now); i > 0 {
		return had[i-1]
	}
	if len(had) > 0 && had[len(had)-1] != now {
		return had[len(had)-1]
	}
	return now
}

func claimOf(set string, ordinal int) string { return identity.ClaimName("data", set, ordinal) }
