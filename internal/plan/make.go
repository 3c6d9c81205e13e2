package plan

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
)

// Make decides what to do about a StatefulSet. Its body is the table of rules,
// in the order in which they take precedence.
func Make(s Snapshot) Plan {
	p := begin(s)
	if p.leaves(s.Set.Name) {
		p.takeBack() // what was set beyond apps/v1, and nothing else
		return p.plan
	}
	p.honourPolicy()                       // what the set's policy says, if it has one
	p.honourClaims()                       // and what its claims are to be
	p.overrides = override.Of(p.members()) // in what members differ
	p.chooseRevisions()                    // which pod template is current, and which one is wanted
	p.gatherMembers()                      // whose the pods are, by ordinal: adopt, release, ignore
	p.judgeRollOut()                       // one that has failed is held or goes back, and one may be paused
	p.readMembership()                     // who is a member, who joins and who leaves for good, as far as that is noted
	if p.mayAct() {
		p.governService()    // the pods' names resolve
		p.keepWanted()       // pods that were leaving and are wanted again stay, or come anew
		p.seeOffGone()       // those that are gone before they have left are seen off by others
		p.replaceFinished()  // pods that ended make room, with back-off
		p.recreateLost()     // pods whose claims are lost get new ones, where the policy says so
		p.recreateOutdated() // Recreate: all outdated pods go first
		p.healOutdated()     // outdated pods that cannot start hold nobody up, and go one by one
		p.createMissing()    // wanted ordinals get their pods and claims, in order
		p.surge()            // a roll-out may have extra pods first
		p.scaleDown()        // ordinals that are not wanted lose theirs, in reverse
		p.noteMembership()   // who joins and who leaves, and how far that is
		p.goOnInPlace()      // what is being updated where it is gets further
		p.rollOut()          // RollingUpdate: outdated pods go, in reverse
		p.keepSurged()       // extra pods whose ordinals are wanted now are ordinary ones
		p.changeClaims()     // claims that are there become what is wanted
		p.recordClaims()     // the revision says what was asked of claims with it
		p.repairMembers()    // identity, claims and the claims' owners are as they should be
		p.reportOverrides()  // what cannot be made with its override is told
		p.keepFinalizer()    // of a set whose pods are to be deleted in order
		p.truncateHistory()  // revisions beyond the limit go
		p.awaitAvailable()   // done when every pod is available
		p.markFailed()       // a roll-out that got no further in time has failed
		p.askWhy()           // what takes long to start has a reason
	} else {
		p.keepNames()     // of a set in deletion, until its pods have ended
		p.deleteInOrder() // its pods, where its policy says so
		p.awaitRemoval()  // otherwise the garbage collector sees to them
	}
	p.reportStatus()
	p.reportConditions()
	p.reportPolicies()
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
	target          *appsv1.ControllerRevision // what pods are brought to: update, or current after a roll-out that failed

	policy  *v1alpha1.StatefulSetPolicy // the one that counts, nil for none
	rollout v1alpha1.Rollout            // what it says of roll-outs, as far as it can be honoured
	failed  *mark                       // that the roll-out has failed, nil if not
	still   string                      // why nothing is rolled out, in words that follow "the roll-out"; empty while it is
	blocked *verdict                    // that a hook keeps the roll-out from going on, nil if none does
	surging bool                        // the roll-out has extra pods
	held    *member                     // the pod whose eviction a budget holds up, nil for none
	handing bool                        // a pod is handing over, which is no fault of a revision
	pause   string                      // the reason of Progressing while a roll-out waits because it is told to; empty otherwise

	overrides    override.Overrides // what the policy puts over the template, by ordinal
	refusals     map[string]string  // why pods are not made with their overrides, by what they would be made from
	badOverrides []string           // the same in sentences

	wanted  []wantedClaim       // what is asked of the claims beside the set's spec
	claimed *appsv1.StatefulSet // the set with the claim templates that are wanted; Set itself where nothing else is

	added      string // the templates that are none of the set's own, as in AddedAnnotation
	claimsLeft int    // how many claims are changed later

	membership *appsv1.ControllerRevision // on which it is noted who joins and leaves, nil for none
	departures departures                 // the members that leave for good
	joins      joins                      // the ordinals that are new

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
		ordinals:       Wanted(s.Set, s.Policies),
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
	if p.ordinals.End()-1 > highestOrdinal {
		p.freeze(reasonOrdinals, p.tooHigh())
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
	if p.Set.DeletionTimestamp != nil && hasPods && len(p.plan.Waits) == 0 {
		p.plan.Waits = append(p.plan.Waits, Wait{For: "StatefulSet " + p.Set.Name, State: "is being deleted, and still has pods"})
	}
}

// lookAgain asks for another plan after d, or earlier.
func (p *planner) lookAgain(d time.Duration) {
	if p.plan.RequeueAfter == 0 || d < p.plan.RequeueAfter {
		p.plan.RequeueAfter = max(d, time.Millisecond)
	}
}
