package handover

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/install"
	"ordinal.dev/ordinal/internal/plugin/rights"
)

// All are targets of all that is Ordinal's.
func All(ctx context.Context, reader client.Reader) ([]Target, error) {
	var namespaces corev1.NamespaceList
	if err := reader.List(ctx, &namespaces, client.HasLabels{fence.Label}); err != nil {
		return nil, err
	}
	var targets []Target
	for i := range namespaces.Items {
		if fence.ChargeOf(&namespaces.Items[i]).Fenced() {
			targets = append(targets, Target{Namespace: namespaces.Items[i].Name})
		}
	}
	return targets, nil
}

// GiveBack has the targets be the in-tree controller's again, once Ordinal's has taken
// back what it had set; or at once, and its conditions stay.
func (h *Handover) GiveBack(ctx context.Context, targets []Target, atOnce bool) error {
	targets, err := h.owned(ctx, targets)
	if err != nil || len(targets) == 0 {
		return err
	}
	if err := h.mayGiveBack(ctx, targets, atOnce); err != nil {
		return err
	}
	if atOnce {
		return h.releaseAll(ctx, targets)
	}
	for _, t := range targets {
		if err := h.leave(ctx, t); err != nil {
			return err
		}
	}
	there, gone, err := h.existing(ctx, targets)
	if err != nil {
		return err
	}
	if err := h.releaseAll(ctx, gone); err != nil {
		return err
	}
	err = h.await(ctx, there, Left, func(t Target) error {
		h.Screen.Say("✓ " + t.String() + ": Ordinal has taken back its conditions and marks")
		return h.release(ctx, t)
	})
	if err != nil {
		return fmt.Errorf("%w. What is not given back stays Ordinal's; the same command goes on with it, with --now it waits for nothing, and `take` undoes it", err)
	}
	return nil
}

func (h *Handover) releaseAll(ctx context.Context, targets []Target) error {
	var errs []error
	for _, t := range targets {
		if err := h.release(ctx, t); err != nil {
			errs = append(errs, err)
		}
	}
	return joined(errs)
}

// owned are the targets that are Ordinal's; of the others it says that they are not.
func (h *Handover) owned(ctx context.Context, targets []Target) ([]Target, error) {
	var owned []Target
	for _, t := range targets {
		namespace, err := namespaceOf(ctx, h.Client, t.Namespace)
		if err != nil {
			return nil, err
		}
		charge := fence.ChargeOf(namespace)
		if charge.Whole() && !t.Whole() {
			return nil, fmt.Errorf("all sets of namespace %s are Ordinal's, and single ones cannot be given back: give back the namespace, and take those that are to stay by sts/NAME", t.Namespace)
		}
		kept := slices.DeleteFunc(slices.Clone(t.Sets), func(name string) bool { return !charge.Has(name) })
		if !charge.Fenced() || len(kept) < len(t.Sets) {
			h.Screen.Say(t.String() + ": not Ordinal's, nothing to give back")
		}
		if charge.Fenced() && (t.Whole() || len(kept) > 0) {
			owned = append(owned, Target{Namespace: t.Namespace, Sets: kept})
		}
	}
	return owned, nil
}

// existing splits targets into what exists and sets that do not: of those nothing is to be
// taken back, and the controller does not speak of them.
func (h *Handover) existing(ctx context.Context, targets []Target) (there, gone []Target, err error) {
	for _, t := range targets {
		if t.Whole() {
			there = append(there, t)
			continue
		}
		sets, err := setsOf(ctx, h.Client, t.Namespace)
		if err != nil {
			return nil, nil, err
		}
		a, b := Target{Namespace: t.Namespace}, Target{Namespace: t.Namespace}
		for _, name := range t.Sets {
			if slices.ContainsFunc(sets, func(set *appsv1.StatefulSet) bool { return set.Name == name }) {
				a.Sets = append(a.Sets, name)
			} else {
				b.Sets = append(b.Sets, name)
			}
		}
		if len(a.Sets) > 0 {
			there = append(there, a)
		}
		if len(b.Sets) > 0 {
			gone = append(gone, b)
		}
	}
	return there, gone, nil
}

// mayGiveBack returns an error if that cannot be done, before anything is written.
func (h *Handover) mayGiveBack(ctx context.Context, targets []Target, atOnce bool) error {
	var needed []rights.Right
	for _, t := range targets {
		needed = append(needed,
			rights.Right{Verb: "patch", Resource: "namespaces", Name: t.Namespace},
			rights.Right{Verb: "delete", Group: "rbac.authorization.k8s.io", Resource: "rolebindings", Namespace: t.Namespace, Name: install.Binding})
	}
	if !atOnce && h.Installation.Namespace != "" {
		needed = append(needed, rights.Right{Verb: "get", Resource: "configmaps", Namespace: h.Installation.Namespace, Name: fence.RecordName})
	}
	if err := rights.Need(ctx, h.Client, needed...); err != nil || atOnce {
		return err
	}
	why := h.Installation.Silent(time.Now())
	switch {
	case h.Installation.WholeCluster():
		why = fmt.Sprintf("the controller runs in mode %s and goes on whatever the label says", fence.WholeCluster)
	case h.Installation.Namespace == "":
		why = "there is no controller in this cluster"
	}
	if why != "" {
		return fmt.Errorf("%s, so nobody takes back Ordinal's conditions and marks; to give back without that, which harms nothing: --now", why)
	}
	return nil
}

func (h *Handover) leave(ctx context.Context, t Target) error {
	err := say(ctx, h.Client, t.Namespace, func(namespace *corev1.Namespace) (saying, error) {
		leaving := fence.Leave(namespace, t.Sets...)
		return saying{keepLabel: true, annotations: map[string]*string{fence.LeavingAnnotation: &leaving}}, nil
	})
	if err != nil {
		return fmt.Errorf("telling the controller that %s is given back: %w", t, err)
	}
	return nil
}

// release makes a target the in-tree controller's.
func (h *Handover) release(ctx context.Context, t Target) error {
	sets, err := setsOf(ctx, h.Client, t.Namespace)
	if err != nil {
		return err
	}
	last := false
	err = say(ctx, h.Client, t.Namespace, func(namespace *corev1.Namespace) (saying, error) {
		label, annotations := fence.GiveBack(namespace, sets, t.Sets...)
		last = label == nil
		return saying{label: label, annotations: annotations}, nil
	})
	if err != nil {
		return fmt.Errorf("giving back %s: %w", t, err)
	}
	h.Screen.Say(fmt.Sprintf("✓ %s: given back, the in-tree controller goes on", t))
	if last {
		left, err := unbind(ctx, h.Client, t.Namespace)
		if err != nil {
			return fmt.Errorf("%s is given back, but the RoleBinding is left: %w", t, err)
		}
		if left != "" {
			h.Screen.Say(fmt.Sprintf("  %s: %s", t, left))
		}
	}
	for _, set := range sets {
		if (t.Whole() || slices.Contains(t.Sets, set.Name)) && !atRest(set) {
			h.wake(ctx, set)
		}
	}
	return nil
}

// atRest reports whether the in-tree controller would find nothing to do for a set.
func atRest(set *appsv1.StatefulSet) bool {
	want, s := int32(1), set.Status
	if set.Spec.Replicas != nil {
		want = *set.Spec.Replicas
	}
	return s.ObservedGeneration >= set.Generation && s.Replicas == want && s.ReadyReplicas == want && s.CurrentRevision == s.UpdateRevision
}

// woken is an annotation that comes and goes at once.
const woken = "ordinal.dev/given-back"

// wake has the in-tree controller look at a set. Behind the fence its writes were refused,
// and it waits for up to a quarter of an hour before it tries again by itself.
func (h *Handover) wake(ctx context.Context, set *appsv1.StatefulSet) {
	for _, value := range []string{`"now"`, `null`} {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, woken, value)
		if err := h.Client.Patch(ctx, set.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			h.Screen.Say(fmt.Sprintf("  sts/%s is not at rest, and the in-tree controller may take a quarter of an hour to look at it again, or until it changes: %v", set.Name, err))
			return
		}
	}
}
