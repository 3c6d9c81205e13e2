package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/identity"
)

const (
	// serviceGrace is for how long there must have been no governing Service before one
	// is made: since the set was first seen, or since the Service vanished. Who brings
	// their own later in a manifest, or replaces it by force (a delete and a create),
	// must not find ours in its place. Pods do not wait for it.
	serviceGrace = 3 * time.Second
	// serviceRetry is the pause after the API server refused to create it: a quota is
	// not raised by asking, and pods do without meanwhile.
	serviceRetry = time.Minute
)

// governService looks after the Service that gives the pods their names. One that
// spec.serviceName names and nobody brings is made, one for all sets that name it, and
// follows them for as long as nobody else writes it. Then it is theirs, and like any
// other Service of a user's it is never touched; what is wrong with it is said.
func (p *planner) governService() {
	switch service := p.Service; {
	case p.Set.Spec.ServiceName == "":
	case service == nil:
		p.makeService()
	case service.DeletionTimestamp != nil: // its name is free when it is gone
	case !p.madeHere(service):
		p.inspectService()
	case takenOver(service):
		p.releaseService()
		p.inspectService()
	default:
		p.followSets()
	}
}

// makeService creates the Service, when there has been none for long enough.
func (p *planner) makeService() {
	if !p.enabled(GoverningService) || p.NamespaceEnds {
		return
	}
	if p.ServiceRefused != nil {
		p.serviceState = &verdict{corev1.ConditionFalse, p.ServiceRefused.Reason, p.ServiceRefused.Message}
	}
	due := latest(p.FirstSeen, p.NoServiceSince).Add(serviceGrace)
	if p.awaitService(due) || p.serviceOnHold() {
		return
	}
	chosen := p.chooseLabels()
	if p.governor() != p.Set {
		p.tellShared(chosen)
		return
	}
	if !chosen.works() {
		p.lookAgain(serviceRetry) // the pod that is in the way may have gone
		p.serviceFails(reasonNoLabels, "there is no Service "+p.Set.Spec.ServiceName+", and none is made: "+chosen.whyNone())
		return
	}
	made := p.newService(p.withEnding(chosen))
	if p.LastService != nil && p.hasEnding() { // revisions may be gone that pods are of
		made.Spec.Ports = withPorts(made.Spec.Ports, p.LastService.Spec.Ports)
	}
	p.do(Action{
		Verb: Create, Object: made,
		Why: fmt.Sprintf("spec.serviceName is %s, and there is no such Service to give the pods their names", p.Set.Spec.ServiceName),
	})
}

// serviceOnHold reports whether a write of the Service was refused just now.
func (p *planner) serviceOnHold() bool {
	return p.ServiceRefused != nil && p.awaitService(p.ServiceRefused.At.Add(serviceRetry))
}

// awaitService has the set planned again when something is due, and reports whether that
// is later than now.
func (p *planner) awaitService(due time.Time) bool {
	left := due.Sub(p.Now)
	if left > 0 {
		p.lookAgain(left)
	}
	return left > 0
}

// followSets keeps a Service of ours as its sets want it.
func (p *planner) followSets() {
	if !p.enabled(GoverningService) {
		return
	}
	chosen := p.hold(p.chooseLabels())
	if p.governor() != p.Set {
		p.tellShared(chosen)
		return
	}
	p.tellOurs(chosen)
	switch change, why := p.serviceDrift(chosen); {
	case why != "" && !p.serviceOnHold():
		p.do(Action{Verb: Update, Object: p.Service, Change: change, Follows: p.setsGoverned(), Why: why})
	case why == "" && ownsFields(p.Service):
		p.giveUpFields()
	}
}

// setsGoverned are all sets of the governing Service.
func (p *planner) setsGoverned() []*appsv1.StatefulSet {
	return lines(p.allSharers(), func(s sharer) *appsv1.StatefulSet { return s.set })
}

// giveUpFields has the API server note nothing of a Service of ours as written here but its
// mark.
func (p *planner) giveUpFields() {
	p.do(Action{
		Verb: Update, Object: p.Service, Change: Change{Unmanaged: true},
		Why: "whoever brings theirs shall not meet a conflict with ours",
	})
}

// serviceDrift is the change that makes the Service what it should be, and why; why is
// empty where it is.
func (p *planner) serviceDrift(chosen choice) (change Change, why string) {
	if !chosen.works() {
		chosen.labels = p.Service.Spec.Selector // names are not taken away for what others do
	}
	wanted := p.newService(chosen)
	if p.hasEnding() || slices.ContainsFunc(p.group(), sharer.isPartlyUnknown) {
		wanted.Spec.Ports = withPorts(wanted.Spec.Ports, p.Service.Spec.Ports)
	}
	if spec := &p.Service.Spec; !maps.Equal(spec.Selector, wanted.Spec.Selector) || !samePorts(spec.Ports, wanted.Spec.Ports) || !spec.PublishNotReadyAddresses {
		change.Service, why = &wanted.Spec, "it follows the labels of the pods and the ports of their containers"
	}
	if release, _ := releaseMetadata(chosen.covered); lacks(p.Service.Labels, release) {
		change.Labels = release
		why = cmp.Or(why, "its set is of a Helm release, whose later revisions may bring it")
	}
	if lacks(p.Service.Annotations, wanted.Annotations) {
		change.Annotations = map[string]*string{}
		for key, value := range wanted.Annotations {
			change.Annotations[key] = &value
		}
		why = cmp.Or(why, "it was made for the set")
	}
	if refs := withOwners(p.Service.OwnerReferences, wanted.OwnerReferences); len(refs) > len(p.Service.OwnerReferences) {
		change.Owners = &refs
		why = cmp.Or(why, "it gives their pods their names")
	}
	return change, why
}

func (p *planner) newService(chosen choice) *corev1.Service {
	labels, annotations := releaseMetadata(chosen.covered)
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: p.Set.Spec.ServiceName, Namespace: p.Set.Namespace,
			Labels: withEntries(chosen.labels, labels), Annotations: withEntries(annotations, map[string]string{ServiceMark: chosen.by()}),
			OwnerReferences: setOwners(p.group()),
		},
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone, Selector: chosen.labels,
			Ports: p.portsOf(chosen.covered), PublishNotReadyAddresses: true,
		},
	}
}

// keepNames keeps a Service of ours for the pods of a set that is being deleted, or is
// gone: they have a grace, and a Service has none. Their owner references keep it until
// the garbage collector has seen the last of them go. Other sets that it governs keep
// it, too; and pods that are orphaned keep an orphaned Service.
func (p *planner) keepNames() {
	if p.Set.DeletionTimestamp == nil || p.Set.Spec.ServiceName == "" || p.frozen != nil {
		return
	}
	if service := p.Service; service != nil && p.madeHere(service) && takenOver(service) {
		p.releaseService() // it does not go with the set
		return
	}
	left := p.membersLeft()
	orphaned := slices.Contains(p.Set.Finalizers, metav1.FinalizerOrphanDependents)
	if orphaned || p.NamespaceEnds || len(left) == 0 || !p.enabled(GoverningService) || len(p.group()) > 0 {
		return
	}
	owners, why := podOwners(left), "the pods that are left need their names until they have ended"
	switch service := p.Service; {
	case service == nil && p.lacksService():
		anew := p.newService(p.choose([]sharer{p.self()}))
		if p.LastService != nil { // revisions may be gone that pods are of
			anew.Spec.Ports = withPorts(anew.Spec.Ports, p.LastService.Spec.Ports)
		}
		if anew.OwnerReferences = owners; len(anew.Spec.Selector) > 0 {
			p.do(Action{Verb: Create, Object: anew, Why: why})
		}
	case service == nil || service.DeletionTimestamp != nil || !p.madeHere(service):
	case !kept(service, left):
		refs := withOwners(service.OwnerReferences, owners)
		p.do(Action{Verb: Update, Object: service, Change: Change{Owners: &refs}, Why: why})
	case ownsFields(service): // it was made anew for them
		p.giveUpFields()
	}
}

// membersLeft are the pods of the set that still exist and may own its Service. One that
// waits for its own dependents in a foreground deletion takes the Service along at once,
// and waits for them because it has any: so it must not become an owner before it is
// being deleted.
func (p *planner) membersLeft() []*corev1.Pod {
	foreground := slices.Contains(p.Set.Finalizers, metav1.FinalizerDeleteDependents)
	return slices.DeleteFunc(p.ownPods(), func(pod *corev1.Pod) bool {
		return hasEnded(pod) || slices.Contains(pod.Finalizers, metav1.FinalizerDeleteDependents) || foreground && pod.DeletionTimestamp == nil
	})
}

// lacksService reports whether a set in deletion is to be given a Service: again, if it had
// one of ours, and at the time at which it would have had one if it had none before. One
// of the user's went by the user's will.
func (p *planner) lacksService() bool {
	c := findCondition(p.Set.Status.Conditions, ConditionService)
	switch {
	case p.ServiceRefused != nil || p.LastService != nil && !p.madeHere(p.LastService):
		return false
	case p.LastService != nil || c != nil && c.Reason == reasonOurs:
		return true
	}
	return !p.awaitService(p.FirstSeen.Add(serviceGrace))
}

// self is the set itself among those that share its Service.
func (p *planner) self() sharer {
	return sharer{
		set: p.Set, revisions: p.history, pods: p.ownPods(), current: p.current.Name, update: p.update.Name,
		overridden: p.overriddenTemplates(),
	}
}

func (p *planner) ownPods() []*corev1.Pod {
	var own []*corev1.Pod
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if m.owned() {
			own = append(own, m.pod)
		}
	}
	return own
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// podOwners are owner references to some of the pods: as many as it needs for one of
// them to be the last to go, most often, without a write by the garbage collector for
// each of a thousand.
func podOwners(pods []*corev1.Pod) []metav1.OwnerReference {
	const enough = 16
	var refs []metav1.OwnerReference
	for _, pod := range pods[:min(enough, len(pods))] {
		refs = append(refs, ownerRef(pod, identity.PodKind))
	}
	return refs
}

// kept reports whether enough pods that are left own the Service: two, or all.
func kept(service *corev1.Service, left []*corev1.Pod) bool {
	owning := 0
	for _, pod := range left {
		if slices.ContainsFunc(service.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == pod.UID }) {
			owning++
		}
	}
	return owning >= min(2, len(left))
}
