package sim

import (
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// policySpec is what a policy says that the words ask for.
func policySpec(set, text string) v1alpha1.StatefulSetPolicySpec {
	spec := v1alpha1.StatefulSetPolicySpec{TargetRef: v1alpha1.TargetRef{Name: set}, Rollout: &v1alpha1.Rollout{}}
	rollout := spec.Rollout
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		n, _ := strconv.ParseInt(value, 10, 32) // where the word has one
		switch name {
		case "paused":
			rollout.Paused = true
		case "deadline":
			rollout.ProgressDeadlineSeconds = ptr.To(int32(n))
		case "Revert", "Hold":
			rollout.OnFailure = v1alpha1.OnFailure(name)
		case "last":
			rollout.Last, spec.Role = strings.Split(value, ","), &v1alpha1.Role{Label: roleLabel}
		case "canary":
			rollout.Canary = &v1alpha1.Canary{Pods: int32(n), Until: v1alpha1.UntilApproved}
		case "look":
			rollout.Canary.HoldSeconds, rollout.Canary.Until = ptr.To(int32(n)), ""
		case "inPlace":
			rollout.InPlace = &v1alpha1.InPlace{Mode: v1alpha1.InPlaceMode(value)}
		case "patience":
			rollout.InPlace.DeferredTimeoutSeconds = ptr.To(int32(n))
		case "holdInfeasible":
			rollout.InPlace.OnInfeasible = v1alpha1.InfeasibleHold
		case "inSync":
			rollout.InSync = askApplication("in-sync", value)
		case "handOver":
			rollout.HandOver = askApplication("hand-over", value, "$(TO)")
		case "Evict":
			rollout.Disruption = v1alpha1.DisruptionEvict
		default:
			sayOfMembers(&spec, name, value, int(n))
		}
	}
	spec.Claims = policyClaims(text)
	return spec
}

// askApplication is a hook that the members of a set know.
func askApplication(command, onFailure string, arguments ...string) *v1alpha1.Hook {
	return &v1alpha1.Hook{
		Exec:           &v1alpha1.ExecAction{Command: append([]string{command}, arguments...)},
		TimeoutSeconds: ptr.To[int32](30), OnFailure: v1alpha1.HookFailure(onFailure),
	}
}

// policyName is that of the policy which a move is about. The other one's comes first.
func policyName(m Move) string {
	if strings.Contains(m.Text, "other") {
		return "another-" + m.Set
	}
	return m.Set
}

// writePolicy makes a policy, or has it say something else.
func (w *World) writePolicy(m Move) {
	w.quorumOf(m.Set).ruled = true
	name := policyName(m)
	policy := &v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: policySpec(m.Set, m.Text)}
	if _, err := w.api.Get(policies, keyOf(name)); err == nil {
		w.try(w.api.Update(policy))
		return
	}
	w.try(w.api.Create(policy))
}

func (w *World) removePolicy(m Move) {
	w.try(w.api.Delete(policies, keyOf(policyName(m)), deleteOptions()))
}

// pausePolicies pauses the roll-outs of a set by each of its policies, or resumes them.
func (w *World) pausePolicies(set string, paused bool) {
	for _, policy := range w.policiesOf(set) {
		updated := policy.DeepCopy()
		updated.Spec.Rollout.Paused = paused
		w.try(w.api.Update(updated))
	}
}

func (w *World) policiesOf(set string) (all []*v1alpha1.StatefulSetPolicy) {
	for _, object := range w.api.List(policies, namespace) {
		if policy := object.(*v1alpha1.StatefulSetPolicy); policy.Spec.TargetRef.Name == set {
			all = append(all, policy)
		}
	}
	return all
}

// annotateRevision changes the annotations of the revision that a set's status says it is
// updated to.
func (w *World) annotateRevision(name string, change func(r *appsv1.ControllerRevision)) {
	set := w.set(name)
	if set == nil {
		return
	}
	object, err := w.api.Get(revisions, keyOf(set.Status.UpdateRevision))
	if err != nil {
		return
	}
	r := object.DeepCopyObject().(*appsv1.ControllerRevision)
	change(r)
	w.try(w.api.Update(r))
}

// approve is what kubectl ordinal approve does.
func (w *World) approve(set string) {
	w.annotateRevision(set, func(r *appsv1.ControllerRevision) {
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, plan.ApprovedAnnotation, strconv.FormatInt(r.Revision, 10))
	})
}

func (w *World) forgive(set string) {
	w.annotateRevision(set, func(r *appsv1.ControllerRevision) { delete(r.Annotations, plan.FailedAnnotation) })
}

func (w *World) condemn(m Move) {
	w.annotateRevision(m.Set, func(r *appsv1.ControllerRevision) {
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, plan.FailedAnnotation, "it is slow")
	})
}

// limit makes a PodDisruptionBudget for a set, or changes it.
func (w *World) limit(m Move) {
	set := w.set(m.Set)
	if set == nil {
		return
	}
	selector, err := identity.Selector(set)
	w.must(err)
	w.api.Budgets[keyOf(m.Set)] = apiserver.Budget{Selector: selector, MaxUnavailable: m.N}
}

// easePolicies is what users do about a set's policies once the faults are over. Budgets
// go. Half of the pauses stay, and half of the canaries are never approved of, as long as
// all pods are available; where some are not, it is tried anew, and then without policies.
func (w *World) easePolicies(set *appsv1.StatefulSet, times int) {
	delete(w.api.Budgets, keyOf(set.Name))
	isWell := w.allAvailable(set)
	if times > 0 {
		w.easeInPlace(set.Name)
		w.switchOver(set)
	}
	w.easeMembers(set.Name, times)
	switch {
	case len(w.policiesOf(set.Name)) == 0:
		return
	case w.awaitsRevert(set):
		w.pausePolicies(set.Name, false)
		return
	case times > 1 && !isWell:
		for _, policy := range w.policiesOf(set.Name) {
			w.try(w.api.Delete(policies, client.ObjectKeyFromObject(policy), deleteOptions()))
		}
		return
	case times > 0 && !isWell:
		w.forgive(set.Name)
	case times > 0:
		return
	}
	if times > 0 || w.rand("patience").IntN(2) == 0 {
		w.pausePolicies(set.Name, false)
	}
	if times > 0 || w.rand("patience").IntN(2) == 0 {
		w.approve(set.Name)
	}
}

// switchOver has another member lead where one has handed over and leads still, or again: the
// controller does not ask it once more.
func (w *World) switchOver(set *appsv1.StatefulSet) {
	v, c := w.judge.viewNow(set), w.crews[set.Name]
	var leads bool
	var others []int
	for ordinal := range v.ordinals().All() {
		switch pod := v.member(ordinal); {
		case c == nil || pod == nil || !isReady(pod):
		case pod.UID == c.leader:
			leads = pod.Annotations[plan.HandedOverAnnotation] != ""
		default:
			others = append(others, ordinal)
		}
	}
	if leads && len(others) > 0 {
		w.tell("has another member of %s lead", set.Name)
		w.lead(Move{Set: set.Name, N: others[0]})
	}
}

// awaitsRevert reports whether the user of a set with a bad image leaves it to the policy to
// bring the one before back. One in two does, where there is a good one.
func (w *World) awaitsRevert(set *appsv1.StatefulSet) bool {
	patient, asked := w.patient[set.Name]
	if !asked {
		patient = w.rand("patience").IntN(2) == 0
		w.patient[set.Name] = patient
	}
	v := w.judge.viewNow(set)
	rollout, before := v.rollout(), v.current()
	if !patient || isWell(behaviour(&set.Spec.Template.Spec)) || before == nil || before == v.update() {
		return false
	}
	image := strings.Fields(v.looks[before.Name])[0]
	return rollout.ProgressDeadlineSeconds != nil && rollout.OnFailure == v1alpha1.Revert &&
		slices.ContainsFunc([]string{good, slow}, func(how string) bool { return strings.HasSuffix(image, "-"+how) })
}

func (w *World) allAvailable(set *appsv1.StatefulSet) bool {
	v := w.judge.viewNow(set)
	for ordinal := range v.ordinals().All() {
		if !v.available(v.member(ordinal)) {
			return false
		}
	}
	return true
}
