package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// serviceGrace is for how long there has to be no governing Service until the
// controller makes one, so that a user who replaces one is not in its way.
const serviceGrace = 3 * time.Second

var namesResolve = promise{
	sentence: "Every member that runs is selected by the governing Service whenever there is one that is ours, and nobody else is; where there has been none for three seconds, there is one.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		j.names.note(e)
		if service, ok := e.Object.(*corev1.Service); ok && by != nil && e.Type == added {
			return j.madeService(e, service)
		}
		return ""
	},
	step: func(j *judge) string { return j.nameless() },
	rest: func(j *judge) string { return j.namesAtRest() },
}

// names is what a judge knows of governing Services.
type names struct {
	gone     map[types.UID]*appsv1.StatefulSet // sets that are
	vanished map[string]time.Time              // when the Service of a name did last
	ours     map[string]bool                   // whether the last Service of a name was ours
	looked   sight                             // what was looked at last
	lapses   map[string]lapse                  // what is wrong, in words
}

// lapse is since when something has been wrong, and for how long it may be.
type lapse struct {
	since time.Time
	most  time.Duration
}

// sight is what a controller has seen: which one, and up to when.
type sight struct {
	by    *instance
	until time.Time
	lists int
}

func newNames() names {
	return names{gone: map[types.UID]*appsv1.StatefulSet{}, vanished: map[string]time.Time{}, ours: map[string]bool{}, lapses: map[string]lapse{}}
}

func (n *names) note(e apiserver.Event) {
	switch object := e.Object.(type) {
	case *appsv1.StatefulSet:
		if e.Type == deleted {
			n.gone[object.UID] = object
		}
	case *corev1.Service:
		n.ours[object.Name] = isOurs(object)
		if e.Type == deleted {
			n.vanished[object.Name] = e.Time
		}
	}
}

// madeService says what is wrong with a Service that the controller has made.
func (j *judge) madeService(e apiserver.Event, service *corev1.Service) string {
	switch {
	case !isOurs(service):
		return fmt.Sprintf("the Service %s was made without the mark of a governing Service", service.Name)
	case service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses:
		return fmt.Sprintf("the Service %s was made, and does not give pods names from the start", service.Name)
	case metav1.GetControllerOfNoCopy(service) != nil:
		return fmt.Sprintf("the Service %s was made with a controller, and may have several owners", service.Name)
	case j.excused():
		return ""
	}
	if none := j.noServiceFor(e.Time, service.Name); none < serviceGrace {
		return fmt.Sprintf("the Service %s was made when there had been none for %s: its user may be about to", service.Name, none)
	}
	return ""
}

// noServiceFor is for how long there has been no Service that a set wants; for ever if
// the sets that did are gone.
func (j *judge) noServiceFor(now time.Time, name string) time.Duration {
	longest := time.Duration(-1)
	for _, object := range j.w.api.List(sets, namespace) {
		if set := object.(*appsv1.StatefulSet); set.Spec.ServiceName == name && set.DeletionTimestamp == nil {
			longest = max(longest, now.Sub(latest(j.names.vanished[name], set.CreationTimestamp.Time)))
		}
	}
	if longest < 0 {
		return math.MaxInt64
	}
	return longest
}

// nameless says which member's name has not been told for too long, by what the
// controller has heard.
func (j *judge) nameless() string {
	n, leader := &j.names, j.w.leader()
	if j.excused() {
		clear(n.lapses)
		n.looked = sight{}
		return ""
	}
	if now := (sight{leader, leader.heard, leader.lists}); n.looked != now {
		n.looked = now
		j.lookAtNames(governedBy(func(k apiserver.Kind) map[string]client.Object { return leader.feeds[k].seen }, n.gone))
	}
	for _, words := range sortedKeys(n.lapses) {
		if l := n.lapses[words]; j.w.now.Sub(l.since) > l.most {
			return fmt.Sprintf("%s, for %s", words, j.w.now.Sub(l.since))
		}
	}
	return ""
}

// lookAtNames keeps since when something has been wrong.
func (j *judge) lookAtNames(all []*governed) {
	n := &j.names
	before := n.lapses
	n.lapses = map[string]lapse{}
	for _, g := range all {
		words, most := g.wrong(j.knewOurs(g))
		if words == "" || j.w.api.Terminating[namespace] {
			continue
		}
		l := lapse{j.w.now, most}
		if was, ok := before[words]; ok {
			l.since = was.since
		}
		n.lapses[words] = l
	}
}

// knewOurs reports whether the last Service of the name was ours, and somebody can tell: a
// controller that began after a set and its Service had gone knows of neither.
func (j *judge) knewOurs(g *governed) bool {
	began := j.w.leader().started.Add(mostBehind)
	return j.names.ours[g.name] && (len(g.sets) > 0 || j.names.vanished[g.name].After(began))
}

// wrong says what is wrong with a governing Service, and for how long it may be. wasOurs
// is about the last one of its name.
func (g *governed) wrong(wasOurs bool) (words string, most time.Duration) {
	running := slices.DeleteFunc(slices.Clone(g.members), func(pod *corev1.Pod) bool { return !runs(pod) || finished(pod) })
	eldest := g.eldest()
	switch {
	case g.orphaning:
		return "", 0
	case g.service == nil && !g.canBeTold():
		return "", 0
	case g.service == nil && eldest != "":
		return fmt.Sprintf("there is no Service %s, which %s was to have", g.name, eldest), serviceGrace + mostBehind
	case g.service == nil && wasOurs && slices.ContainsFunc(running, g.mayOwn):
		return fmt.Sprintf("there is no Service %s, and pods are left", g.name), serviceGrace + mostBehind
	case g.service == nil || g.service.DeletionTimestamp != nil || !isOurs(g.service):
		return "", 0
	}
	return g.selectsWrong(running), mostBehind
}

// mayOwn reports whether a pod that is left may own a Service: in a foreground deletion it
// would take that along, unless it is being deleted itself.
func (g *governed) mayOwn(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || !slices.ContainsFunc(g.sets, func(set *appsv1.StatefulSet) bool {
		return ownedBy(pod, set) && slices.Contains(set.Finalizers, metav1.FinalizerDeleteDependents)
	})
}

// eldest is the set that has the Service made, when it has been there for long enough: the
// oldest that stays. It is empty if there is none.
func (g *governed) eldest() string {
	stay := slices.DeleteFunc(slices.Clone(g.sets), func(set *appsv1.StatefulSet) bool { return set.DeletionTimestamp != nil })
	if len(stay) == 0 {
		return ""
	}
	return slices.MinFunc(stay, func(a, b *appsv1.StatefulSet) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	}).Name
}

// selectsWrong says whom a Service that is ours leaves out, or selects and should not.
func (g *governed) selectsWrong(running []*corev1.Pod) string {
	if !g.canBeTold() {
		return "" // nobody's name is taken away for what others do
	}
	for _, pod := range running {
		if !matches(g.service.Spec.Selector, pod.Labels) {
			return fmt.Sprintf("Service %s does not select %s, which runs: it selects %v", g.name, pod.Name, g.service.Spec.Selector)
		}
		// Of a pod whose revision somebody has deleted, nobody knows the ports.
		if port := missingPort(g.service, pod); port != 0 && g.there[identity.Revision(pod)] {
			return fmt.Sprintf("Service %s does not publish the port %d of %s", g.name, port, pod.Name)
		}
	}
	for _, pod := range g.others {
		if matches(g.service.Spec.Selector, pod.Labels) && !g.isPlain() {
			return fmt.Sprintf("Service %s selects %s, which is no member: it selects %v", g.name, pod.Name, g.service.Spec.Selector)
		}
	}
	return ""
}

// missingPort is a port of the pod that its Service does not have; 0 if there is none.
func missingPort(service *corev1.Service, pod *corev1.Pod) int32 {
	for _, c := range pod.Spec.Containers {
		for _, port := range c.Ports {
			if !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port.ContainerPort }) {
				return port.ContainerPort
			}
		}
	}
	return 0
}

// namesAtRest says what is wrong with a governing Service when the faults are long over.
func (j *judge) namesAtRest() string {
	here := map[apiserver.Kind]map[string]client.Object{}
	for _, k := range []apiserver.Kind{sets, pods, revisions, services} {
		here[k] = map[string]client.Object{}
		for _, object := range j.w.api.List(k, namespace) {
			here[k][object.GetName()] = object
		}
	}
	for _, g := range governedBy(func(k apiserver.Kind) map[string]client.Object { return here[k] }, j.names.gone) {
		if wrong, _ := g.wrong(j.knewOurs(g)); wrong != "" {
			return wrong
		}
		if wrong := g.ownersWrong(); wrong != "" {
			return wrong
		}
	}
	return ""
}

// ownersWrong says whether a Service that is ours would go too early, or stay for ever.
func (g *governed) ownersWrong() string {
	if g.service == nil || !isOurs(g.service) || g.orphaning || !g.canBeTold() {
		return ""
	}
	for _, set := range g.sets {
		if !slices.ContainsFunc(g.service.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == set.UID }) {
			return fmt.Sprintf("Service %s is not owned by %s, and goes without it", g.name, set.Name)
		}
	}
	if len(g.service.OwnerReferences) != len(g.sets) {
		return fmt.Sprintf("Service %s has %d owners, and there are %d sets", g.name, len(g.service.OwnerReferences), len(g.sets))
	}
	return ""
}
