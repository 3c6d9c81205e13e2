package plan

import (
	"fmt"
	"math"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ordinal.dev/ordinal/internal/identity"
)

// Make decides what to do about a StatefulSet. Its body is the table of rules,
// in the order in which they take precedence.
func Make(s Snapshot) Plan {
	p := begin(s)
	if p.leaves(s.Set.Name) {
		p.takeBack() // what was set beyond apps/v1, and nothing else
		return p.plan
	}
	p.chooseRevisions() // which pod template is current, and which one is wanted
	p.gatherMembers()   // whose the pods are, by ordinal: adopt, release, ignore
	if p.mayAct() {
		p.governService()    // the pods' names resolve
		p.replaceFinished()  // pods that ended make room, with back-off
		p.recreateOutdated() // Recreate: all outdated pods go first
		p.healOutdated()     // outdated pods that cannot start hold nobody up, and go one by one
		p.createMissing()    // wanted ordinals get their pods and claims, in order
		p.scaleDown()        // ordinals that are not wanted lose theirs, in reverse
		p.rollOut()          // RollingUpdate: outdated pods go, in reverse
		p.repairMembers()    // identity, claims and the claims' owners are as they should be
		p.truncateHistory()  // revisions beyond the limit go
		p.awaitAvailable()   // done when every pod is available
		p.askWhy()           // what takes long to start has a reason
	} else {
		p.keepNames()    // of a set in deletion, until its pods have ended
		p.awaitRemoval() // the garbage collector sees to the pods
	}
	p.reportStatus()
	p.reportConditions()
	return p.plan
}

// planner carries a snapshot through the rules.
type planner struct {
	Snapshot
	plan Plan
	// frozen says why the set itself cannot be understood, nil if it can: nothing is
	// done then, since every pod would look wrong.
	frozen *verdict

	selector       labels.Selector
	ordinals       identity.Ordinals
	ordered        bool // podManagementPolicy is OrderedReady
	strategy       appsv1.StatefulSetUpdateStrategyType
	partition      int // ordinals below Start+partition stay at the current revision
	maxUnavailable int
	minReady       time.Duration
	deadline       time.Duration // for progress; 0 for none

	history         []*appsv1.ControllerRevision // oldest first
	current, update *appsv1.ControllerRevision

	replicas  []*member // one for each wanted ordinal that has a pod, and for the first that have none
	beyond    int       // how many wanted ordinals are not among them; none has a pod
	condemned []*member // pods of ordinals that are not wanted, highest first

	reached    int  // the highest ordinal that was there before heal began, -1 if it did not
	recreating bool // outdated pods must go before any is created

	sharers      []sharer // the sets of the same governing Service; see allSharers
	serviceState *verdict // what there is to say of the governing Service, nil for nothing
}

func begin(s Snapshot) *planner {
	spec := &s.Set.Spec
	p := &planner{
		Snapshot:       s,
		ordinals:       identity.OrdinalsOf(s.Set),
		ordered:        spec.PodManagementPolicy != appsv1.ParallelPodManagement,
		strategy:       spec.UpdateStrategy.Type,
		maxUnavailable: 1,
		reached:        -1,
		minReady:       time.Duration(spec.MinReadySeconds) * time.Second,
	}
	var err error
	if p.selector, err = identity.Selector(s.Set); err != nil {
		p.freeze(reasonSelector, fmt.Sprintf("spec.selector cannot be used: %v", err))
	}
	if p.ordinals.End()-1 > math.MaxInt32 {
		p.freeze(reasonOrdinals, fmt.Sprintf("spec.ordinals.start is %d and spec.replicas is %d, and an ordinal is at most %d: lower one of them",
			p.ordinals.Start, p.ordinals.Count, math.MaxInt32))
	}
	p.readAnnotations()
	if p.strategy == "" {
		p.strategy = appsv1.RollingUpdateStatefulSetStrategyType
	}
	if rolling := spec.UpdateStrategy.RollingUpdate; rolling != nil {
		if rolling.Partition != nil {
			p.partition = int(*rolling.Partition)
		}
		p.maxUnavailable = maxUnavailable(rolling.MaxUnavailable, p.ordinals.Count)
	}
	return p
}

func (p *planner) readAnnotations() {
	for _, f := range switchedOff(p.Set) {
		if !slices.Contains(Features(), f) {
			p.warn("InvalidAnnotation", fmt.Sprintf("annotation %s names %q; it can name %s", DisableAnnotation, f, FeatureNames()))
		}
	}
	if text, has := p.Set.Annotations[ProgressDeadlineAnnotation]; has && p.enabled(Conditions) {
		if d, err := time.ParseDuration(text); err == nil && d >= leastDeadline {
			p.deadline = d
		} else {
			p.warn("InvalidAnnotation", fmt.Sprintf("annotation %s is %q, not a duration of %s or more, such as 10m", ProgressDeadlineAnnotation, text, leastDeadline))
		}
	}
}

// maxUnavailable is the update budget: a number, or a share of the replicas
// rounded down, and never less than one. What the API server would not have
// accepted counts as one.
func maxUnavailable(value *intstr.IntOrString, replicas int) int {
	n, _ := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(value, intstr.FromInt32(1)), replicas, false)
	return max(n, 1)
}

// mayAct is false for a set that is being deleted, which gets status only.
func (p *planner) mayAct() bool { return p.Set.DeletionTimestamp == nil && p.frozen == nil }

func (p *planner) freeze(reason, message string) {
	p.frozen, p.plan.Frozen = &verdict{corev1.ConditionFalse, reason, message}, message
	p.warn(reason, message)
}

func (p *planner) do(a Action) { p.plan.Actions = append(p.plan.Actions, a) }

func (p *planner) warn(reason, message string) {
	p.plan.Events = append(p.plan.Events, Event{Warning: true, Reason: reason, Message: message})
}

func (p *planner) wait(m *member, holds string) {
	p.plan.Waits = append(p.plan.Waits, Wait{For: m.name, State: m.words, Holds: holds})
}

// awaitAvailable keeps the plan from being at rest while a pod is unavailable
// that nothing else waits for.
func (p *planner) awaitAvailable() {
	if m := p.firstUnavailable(); m != nil && len(p.plan.Waits) == 0 && m.action < 0 {
		p.wait(m, "")
	}
}

// awaitRemoval keeps the plan of a set that is being deleted from being at rest
// while it has pods.
func (p *planner) awaitRemoval() {
	hasPods := slices.ContainsFunc(slices.Concat(p.replicas, p.condemned), (*member).owned)
	if p.Set.DeletionTimestamp != nil && hasPods {
		p.plan.Waits = append(p.plan.Waits, Wait{For: "StatefulSet " + p.Set.Name, State: "is being deleted, and still has pods"})
	}
}

// lookAgain asks for another plan after d, or earlier.
func (p *planner) lookAgain(d time.Duration) {
	if p.plan.RequeueAfter == 0 || d < p.plan.RequeueAfter {
		p.plan.RequeueAfter = max(d, time.Millisecond)
	}
}
