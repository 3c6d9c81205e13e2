package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
)

// reasonOverride is that of Stalled while pods are not made with their overrides.
const reasonOverride = "OverrideRefused"

// dryRunAgain is when the API server is asked again whether it takes a pod that it has
// refused for a reason that may pass.
const dryRunAgain = 5 * time.Minute

// A DryRun is what the API server said to a pod with an override, in a dry run.
type DryRun struct {
	Refused string // why it does not take the pod, empty if it does
	Final   bool   // it never will
	At      time.Time
}

// goalOf is what a member's pod is to be made from.
func (p *planner) goalOf(m *member) string {
	return override.Build(p.target.Name, p.overrideFor(m.ordinal).Hash())
}

// overrideFor is what the policy puts over the template for an ordinal, nil for nothing.
func (p *planner) overrideFor(ordinal int) *override.Override { return p.overrides.For(ordinal) }

// strays reports whether a pod was made with another override than its ordinal has.
func (p *planner) strays(m *member) bool {
	return override.HashOn(m.pod) != p.overrideFor(m.ordinal).Hash()
}

// isDue reports whether a pod is to be replaced, or updated where it is, by a roll-out: it is
// outdated, and neither the partition nor a bad override keeps it. The partition holds back
// templates, and an override names its ordinals itself.
func (p *planner) isDue(m *member) bool {
	return p.outdated(m) && (!p.belowPartition(m.ordinal) || p.strays(m)) && !p.isKept(m)
}

// isKept reports whether an outdated pod stays as it is, since it could not be made with its
// override: one that has an override would lose it. One that has none gets new revisions
// without it.
func (p *planner) isKept(m *member) bool {
	if p.overrideFor(m.ordinal) == nil || !p.outdated(m) {
		return false
	}
	why, known := p.overrideRefused(m)
	return !known || why != "" && (override.HashOn(m.pod) != "" || !p.isBehind(m) || p.belowPartition(m.ordinal))
}

// overrideRefused says why a member's pod cannot be made with its override: it cannot be put
// over the template, or the API server does not take the pod. known is false while the API
// server is yet to be asked.
func (p *planner) overrideRefused(m *member) (why string, known bool) {
	o := p.overrideFor(m.ordinal)
	if o == nil {
		return "", true
	}
	template, revision, err := p.templateFor(m.ordinal)
	if err != nil {
		return "", true // no pod can be made, whatever its override
	}
	at := override.Build(revision, o.Hash())
	if why, has := p.refusals[at]; has {
		return why, true
	}
	if _, asked := p.plan.DryRuns[at]; asked {
		return "", false
	}
	made, _, err := o.Apply(p.claimed, template)
	if err != nil {
		p.refusals = with(p.refusals, at, err.Error())
		return err.Error(), true
	}
	answer, has := p.DryRuns[at]
	if has && answer.Refused != "" && !answer.Final {
		left := answer.At.Add(dryRunAgain).Sub(p.Now)
		if has = left > 0; has {
			p.lookAgain(left)
		}
	}
	if !has {
		p.dryRun(at, p.member(made, revision, m.ordinal, o), o)
		return "", false
	}
	if answer.Refused != "" {
		why = fmt.Sprintf("the API server refuses pods with %s: %s", o, answer.Refused)
	}
	p.refusals = with(p.refusals, at, why)
	return why, true
}

// dryRun asks for a dry run.
func (p *planner) dryRun(at string, pod *corev1.Pod, o *override.Override) {
	if !p.mayAct() {
		return
	}
	p.plan.DryRuns = with(p.plan.DryRuns, at, pod)
	p.plan.Waits = append(p.plan.Waits, Wait{
		For: "the API server", State: fmt.Sprintf("is asked whether it takes the pod with %s", o), Holds: "updating " + pod.Name,
	})
}

// member makes a pod of the set from a template over which its override has been put.
func (p *planner) member(template *corev1.PodTemplateSpec, revision string, ordinal int, o *override.Override) *corev1.Pod {
	pod := identity.NewPod(p.claimed, template, revision, ordinal)
	override.Mark(pod, o)
	p.markAdded(pod)
	return pod
}

// newPod makes the pod of an ordinal from a template, with its override if that can be: the
// ordinals after it must not wait for what only a person can mend. It is nil while the API
// server is yet to be asked.
func (p *planner) newPod(m *member, template *corev1.PodTemplateSpec, revision string) *corev1.Pod {
	o := p.overrideFor(m.ordinal)
	if why, known := p.overrideRefused(m); !known {
		return nil
	} else if why != "" {
		o = nil
	}
	made, _, err := o.Apply(p.claimed, template)
	if err != nil { // of an extra pod, which may be at another revision than was asked about
		made, o = template, nil
	}
	return p.member(made, revision, m.ordinal, o)
}

// withOverride says with what override a pod is created, to follow why it is.
func (p *planner) withOverride(m *member, pod *corev1.Pod) string {
	switch o := p.overrideFor(m.ordinal); {
	case o == nil:
		return ""
	case override.HashOn(pod) == "":
		return fmt.Sprintf("; it is made without %s", o)
	default:
		return fmt.Sprintf("; it is made with %s", o)
	}
}

// whyOverride says in what a pod's override differs from that of its ordinal.
func (p *planner) whyOverride(m *member) string {
	switch o := p.overrideFor(m.ordinal); {
	case o == nil:
		return "it was made with an override, and its ordinal has none any more"
	case override.HashOn(m.pod) == "":
		return fmt.Sprintf("its ordinal has %s, and it was made without", o)
	default:
		return fmt.Sprintf("its ordinal has %s, and it was made with another override", o)
	}
}

// reportOverrides says which pods are not made with their overrides, which only a person can
// help, and nothing else waits for.
func (p *planner) reportOverrides() {
	if p.members() == nil {
		return
	}
	pods := map[string][]string{} // by why not
	for _, m := range p.replicas {
		if !p.lacksOverride(m) {
			continue
		}
		if why, _ := p.overrideRefused(m); why != "" {
			pods[why] = append(pods[why], m.name)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(pods)) {
		message := fmt.Sprintf("%s cannot be made as the policy says: %s", few(pods[why]), why)
		p.warn(reasonOverride, message)
		p.block(reasonOverride, message)
		p.badOverrides = append(p.badOverrides, message)
	}
}

// lacksOverride reports whether a member has an override and its pod, or the next one, is not
// made with it.
func (p *planner) lacksOverride(m *member) bool {
	if p.overrideFor(m.ordinal) == nil {
		return false
	}
	return m.pod == nil || p.outdated(m)
}

// few names the first of some pods, and counts the others.
func few(pods []string) string {
	if n := len(pods); n > 1 {
		return fmt.Sprintf("%s and %d more", pods[0], n-1)
	}
	return pods[0]
}

// overridesInUse are those of the wanted ordinals, each once.
func (p *planner) overridesInUse() []*override.Override {
	if p.members() == nil {
		return nil
	}
	var all []*override.Override
	seen := map[*override.Override]bool{nil: true}
	for _, m := range p.replicas {
		if o := p.overrideFor(m.ordinal); !seen[o] {
			seen[o] = true
			all = append(all, o)
		}
	}
	return all
}

// overriddenTemplates are the set's template with each override put over it.
func (p *planner) overriddenTemplates() []*corev1.PodTemplateSpec {
	var all []*corev1.PodTemplateSpec
	for _, o := range p.overridesInUse() {
		if template, _, err := o.Apply(p.claimed, &p.Set.Spec.Template); err == nil {
			all = append(all, template)
		}
	}
	return all
}

// ignoredOverrides say which fields of overrides have no effect, and why.
func (p *planner) ignoredOverrides() []string {
	var all []string
	for _, o := range p.overridesInUse() {
		_, ignored, _ := o.Apply(p.claimed, &p.Set.Spec.Template)
		for _, words := range ignored {
			if !slices.Contains(all, words) {
				all = append(all, words)
			}
		}
	}
	slices.Sort(all)
	return all
}

// overriding reports whether pods are to come to other overrides, or to other claims, than
// they have.
func (p *planner) overriding() bool {
	return slices.ContainsFunc(p.replicas, func(m *member) bool { return m.owned() && (p.strays(m) || p.mountsOther(m)) && p.isDue(m) })
}

// arriving reports whether pods with overrides are on their way.
func (p *planner) arriving() bool {
	return slices.ContainsFunc(p.replicas, func(m *member) bool { return p.overrideFor(m.ordinal) != nil && m.state != Available })
}

// templateWith is the template of what a pod was, or is to be made from: see override.BuildOf.
func (p *planner) templateWith(m *member, made string) (*corev1.PodTemplateSpec, error) {
	revision, hash, _ := strings.Cut(made, "+")
	template, err := p.templateOf(revision)
	if err != nil || hash == "" {
		return template, err
	}
	o := p.overrideFor(m.ordinal)
	if o.Hash() != hash {
		if o, err = override.On(m.pod); err != nil {
			return nil, err
		}
	}
	if o.Hash() != hash {
		return nil, fmt.Errorf("nobody knows any more with which override it was to be made")
	}
	template, _, err = o.Apply(p.claimed, template)
	return template, err
}

// markBuild adds to the change of a pod in place that it has the revision and the override of
// its goal from then on.
func (p *planner) markBuild(m *member, change *PodChange) {
	change.Labels = with(change.Labels, appsv1.StatefulSetRevisionLabel, &p.target.Name)
	if !p.strays(m) {
		return
	}
	o := p.overrideFor(m.ordinal)
	var hash, note *string
	if h := o.Hash(); h != "" {
		hash = &h
	}
	if text, ok := o.Note(); ok {
		note = &text
	}
	change.Labels = with(change.Labels, override.Label, hash)
	change.Annotations = with(change.Annotations, override.Annotation, note)
}
