package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// The volumes of a pod are settled when it is made. So a template that is added, or that is
// not wanted any more, has each pod made anew once; and so has a volume whose file system
// grows only when it is mounted. Such pods are outdated, of whatever revision they are, and
// go as a roll-out has pods go: in its order, within its budget, and not while it is paused.

// AddedAnnotation on a pod names the templates whose claims it has and that are none of the
// set's own, with commas.
const AddedAnnotation = "ordinal.dev/added-claims"

// mountGrace is how long a node has to make use of a volume that has grown under a running
// pod, before the pod is taken to be in the way. Where it can be done under a pod, it begins
// within seconds.
const mountGrace = 2 * time.Minute

// AddedClaims are the templates that a pod's annotation names.
func AddedClaims(pod *corev1.Pod) []string {
	names := pod.Annotations[AddedAnnotation]
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

// addedNames are the templates that are none of the set's own, as in the annotation.
func (p *planner) addedNames() string {
	var names []string
	for _, w := range p.wanted {
		if w.added != nil {
			names = append(names, w.Name)
		}
	}
	return strings.Join(names, ",")
}

// markAdded notes on a new pod which added claims it has.
func (p *planner) markAdded(pod *corev1.Pod) {
	if p.added != "" {
		pod.Annotations = with(pod.Annotations, AddedAnnotation, p.added)
	}
}

// mountsOther reports whether a pod has other added claims than are wanted, and can be made
// without them.
func (p *planner) mountsOther(m *member) bool {
	return m.pod.Annotations[AddedAnnotation] != p.added && p.stranded(m) == ""
}

// stranded is a volume that a pod has from a template which is not wanted any more, and that
// the pod template mounts without having it: no pod could be made without it. It is empty if
// there is none.
func (p *planner) stranded(m *member) string {
	for _, name := range AddedClaims(m.pod) {
		if slices.Contains(strings.Split(p.added, ","), name) {
			continue
		}
		template, _, err := p.templateFor(m.ordinal)
		if err == nil && mountsName(&template.Spec, name) && !p.hasVolume(&template.Spec, name) {
			return name
		}
	}
	return ""
}

func (p *planner) hasVolume(spec *corev1.PodSpec, name string) bool {
	return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == name }) ||
		slices.ContainsFunc(identity.ClaimTemplates(p.Set), func(c *corev1.PersistentVolumeClaim) bool { return c.Name == name })
}

// mountsName reports whether a container mounts a volume of this name.
func mountsName(spec *corev1.PodSpec, name string) bool {
	return slices.ContainsFunc(slices.Concat(spec.InitContainers, spec.Containers), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == name }) ||
			slices.ContainsFunc(c.VolumeDevices, func(d corev1.VolumeDevice) bool { return d.Name == name })
	})
}

// warnOfStranded tells of pods that keep a claim which is not wanted any more.
func (p *planner) warnOfStranded() {
	for _, m := range p.replicas {
		if !m.owned() || m.state == Terminating || m.pod.Annotations[AddedAnnotation] == p.added {
			continue
		}
		if name := p.stranded(m); name != "" {
			p.warn("VolumeStillMounted", fmt.Sprintf(
				"pod %s keeps claim %s, which is not wanted any more: the pod template mounts volume %s and does not have it; give the template that volume, or no mount of it",
				m.name, identity.ClaimName(name, p.Set.Name, m.ordinal), name))
			return // it is so for all
		}
	}
}

// isMadeAnew reports whether a pod is to be made anew for its claims, whatever its revision.
func (p *planner) isMadeAnew(m *member) bool { return p.mountsOther(m) || p.growsByRestart(m) != nil }

// whyMadeAnew says why, to follow "because".
func (p *planner) whyMadeAnew(m *member) string {
	switch claim := p.growsByRestart(m); {
	case p.mountsOther(m):
		return "it has " + claimsNamed(m.pod.Annotations[AddedAnnotation]) + ", and is to have " + claimsNamed(p.added)
	case claimCondition(claim, corev1.PersistentVolumeClaimControllerResizeError) != nil:
		return fmt.Sprintf("claim %s grows only while no pod has it", claim.Name)
	default:
		return fmt.Sprintf("claim %s has grown, and its file system grows only when it is mounted", claim.Name)
	}
}

// claimsNamed are claims beside those of the set's own templates, for a sentence.
func claimsNamed(added string) string {
	if added == "" {
		return "no claims but the set's own"
	}
	return "the added claims " + added
}

// lateWords say which pods are to have other added claims than they have; empty
// for none.
func (p *planner) lateWords() string {
	var late []string
	for _, m := range p.replicas {
		if m.pod != nil && m.owned() && p.mountsOther(m) {
			late = append(late, m.name)
		}
	}
	if more := len(late) - mostNamed; more > 0 {
		late = append(late[:mostNamed], strconv.Itoa(more)+" more")
	}
	if len(late) == 0 {
		return ""
	}
	return "yet to be made anew with " + claimsNamed(p.added) + ": " + strings.Join(late, ", ")
}

// besideRevisions is what else than a revision pods are brought to.
func (p *planner) besideRevisions() string {
	if p.lateWords() != "" {
		return "the claims that are wanted"
	}
	return "the overrides of spec.members"
}

// growsByRestart is a claim of a pod that will not grow while the pod runs, nil if there is
// none: its driver says so of the volume, or the node has not made use of a larger one for all
// the time that it has for that. A pod that was made since then does not go again: it did not
// help.
func (p *planner) growsByRestart(m *member) *corev1.PersistentVolumeClaim {
	if len(p.wanted) == 0 || m.pod == nil || m.pod.DeletionTimestamp != nil {
		return nil
	}
	for _, w := range p.wanted {
		claim := p.Claims[identity.ClaimName(w.Name, p.Set.Name, m.ordinal)]
		if claim == nil || w.isDue(claim) {
			continue
		}
		if left, pending := p.mountPending(m, claim); pending && left <= 0 {
			return claim
		}
		if left, must := p.mustUnmount(m, claim); must && left <= 0 {
			return claim
		}
	}
	return nil
}

// mountPending reports whether a claim's file system is to grow and has not under a pod that
// has it mounted since before, and how much longer the node has for it.
func (p *planner) mountPending(m *member, claim *corev1.PersistentVolumeClaim) (left time.Duration, pending bool) {
	stage, _ := growth(claim)
	since := claimCondition(claim, corev1.PersistentVolumeClaimFileSystemResizePending)
	atIt := claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage] == corev1.PersistentVolumeClaimNodeResizeInProgress
	if stage != ClaimFileSystem || since == nil || atIt || m.pod == nil {
		return 0, false
	}
	ready := readyCondition(m.pod)
	if ready == nil || ready.Status != corev1.ConditionTrue || !m.pod.CreationTimestamp.Before(&since.LastTransitionTime) {
		return 0, false
	}
	return since.LastTransitionTime.Add(mountGrace).Sub(p.Now), true
}

// fileSystemWords are how far a claim is whose file system is to grow, by what its pod is at.
func (p *planner) fileSystemWords(m *member, claim *corev1.PersistentVolumeClaim, words string) (ClaimStage, string) {
	left, pending := p.mountPending(m, claim)
	since := claimCondition(claim, corev1.PersistentVolumeClaimFileSystemResizePending)
	size := requested(claim)
	switch {
	case pending && left > 0:
		p.lookAgain(left)
	case pending && p.strategy == appsv1.OnDeleteStatefulSetStrategyType:
		return ClaimRestart, fmt.Sprintf("has grown to %s, and its file system grows when %s is made anew: with updateStrategy OnDelete, delete it", &size, m.name)
	case pending:
		return ClaimRestart, fmt.Sprintf("has grown to %s, and its file system grows when %s is made anew", &size, m.name)
	case since != nil && m.state >= Ready && since.LastTransitionTime.Before(&m.pod.CreationTimestamp):
		if left := m.pod.CreationTimestamp.Add(mountGrace).Sub(p.Now); left > 0 {
			p.lookAgain(left)
			return ClaimFileSystem, words
		}
		return ClaimFileSystem, words + ", which it has not since " + m.name + " was made anew"
	}
	return ClaimFileSystem, words
}
