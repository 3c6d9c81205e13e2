package plan_test

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
)

// ordinalsWithOverrides is how many ordinals a world looks for overrides of.
const ordinalsWithOverrides = 12

// overridesNow are those of the policy, overridesBefore those that it had.
func (w *world) overridesNow() override.Overrides {
	if len(w.Policies) == 0 {
		return override.Overrides{}
	}
	return override.Of(w.Policies[0].Spec.Members)
}

func (w *world) overridesBefore() override.Overrides { return override.Of(w.MembersBefore) }

// makeWith marks a pod as one that was made with an override: "now", "before", or "unnoted",
// which is before and so long that the pod has no note of it.
func (w *world) makeWith(pod *corev1.Pod, which string) {
	_, ordinal, _ := identity.Parse(pod.Name)
	all := w.overridesBefore()
	if which == "now" {
		all = w.overridesNow()
	}
	override.Mark(pod, all.For(ordinal))
	if which == "unnoted" {
		delete(pod.Annotations, override.Annotation)
	}
}

// dryRuns are what the API server has said of every override, unless the world is untried.
func (w *world) dryRuns() map[string]plan.DryRun {
	all := map[string]plan.DryRun{}
	if w.Untried {
		return all
	}
	overrides := w.overridesNow()
	for ordinal := range ordinalsWithOverrides {
		o := overrides.For(ordinal)
		if o == nil {
			continue
		}
		for _, image := range append([]string{w.Template}, w.History...) {
			all[w.revision(image, 0).Name+"+"+o.Hash()] = plan.DryRun{Refused: w.RefusesOverride[ordinal], Final: !w.MayPass, At: now}
		}
	}
	return all
}

// shortenOverrides puts the names of overrides in place of their hashes.
func (w *world) shortenOverrides(text string) string {
	before, is := w.overridesBefore(), w.overridesNow()
	for ordinal := range ordinalsWithOverrides {
		if o := is.For(ordinal); o != nil {
			text = strings.ReplaceAll(text, o.Hash(), o.String())
		}
		if o := before.For(ordinal); o != nil {
			text = strings.ReplaceAll(text, o.Hash(), "earlier "+o.String())
		}
	}
	return text
}
