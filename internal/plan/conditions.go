package plan

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// ConditionAvailable is True when every wanted pod is available.
	ConditionAvailable appsv1.StatefulSetConditionType = "Available"
	// ConditionService is False while the governing Service cannot give the pods
	// their names. A set that never had such a Service does not have it.
	ConditionService appsv1.StatefulSetConditionType = "GoverningService"
)

// ProgressDeadlineAnnotation on a set is how long its Progressing condition may
// stay True without a pod getting further, as a duration: "10m".
const ProgressDeadlineAnnotation = "ordinal.dev/progress-deadline"

// leastDeadline is what an API server counts times in.
const leastDeadline = time.Second

// Reasons of Progressing.
const (
	reasonComplete   = "Complete"
	reasonRecreating = "RecreateInProgress" // upstream's
	reasonRecreated  = "RecreateCompleted"  // upstream's
	reasonSelector   = "InvalidSelector"
	reasonOrdinals   = "InvalidOrdinals"
	reasonTooLate    = "ProgressDeadlineExceeded"
	reasonBudget     = "EvictionRefused"
)

// ofRest are those of a set of which nothing is wanted, or nothing that can be done, or that
// waits because it is told to.
var ofRest = []string{reasonComplete, reasonRecreated, reasonSelector, reasonOrdinals, reasonPaused, reasonCanaryHold, reasonCanaryApproval, reasonBudget}

// verdict is a condition without its time.
type verdict struct {
	status          corev1.ConditionStatus
	reason, message string
}

// reportConditions says in words whether the set is available, whether it is
// getting further, and which pod is in the way. Conditions of others are kept.
func (p *planner) reportConditions() {
	p.plan.Status.Conditions = slices.Clone(p.Set.Status.Conditions)
	if p.strategy == appsv1.RecreateStatefulSetStrategyType && p.mayAct() {
		if v, ok := p.recreateProgress(); ok {
			if v.status == corev1.ConditionTrue && p.enabled(Conditions) && p.isLate() {
				v = p.tooLate()
			}
			p.setCondition(appsv1.StatefulSetProgressing, v)
		}
	}
	switch {
	case !p.enabled(Conditions):
		p.dropConditions()
	case p.Set.DeletionTimestamp != nil:
		p.setCondition(ConditionAvailable, p.availability())
	case p.frozen != nil:
		p.setCondition(appsv1.StatefulSetProgressing, *p.frozen)
		p.setCondition(ConditionAvailable, p.availability())
	default:
		if p.strategy != appsv1.RecreateStatefulSetStrategyType {
			p.setCondition(appsv1.StatefulSetProgressing, p.progress())
		}
		p.setCondition(ConditionAvailable, p.availability())
		p.reportService()
		p.reportClaims()
	}
	p.reportStalled()
}

// dropConditions removes what nobody keeps true any more. Upstream's own condition of
// the Recreate strategy stays.
func (p *planner) dropConditions() {
	p.plan.Status.Conditions = slices.DeleteFunc(p.plan.Status.Conditions, func(c appsv1.StatefulSetCondition) bool {
		ofRecreate := c.Reason == reasonRecreating || c.Reason == reasonRecreated
		return c.Type == ConditionAvailable || c.Type == ConditionService || c.Type == ConditionClaims || c.Type == appsv1.StatefulSetProgressing && !ofRecreate
	})
}

func (p *planner) reportService() {
	switch {
	case p.serviceState != nil:
		p.setCondition(ConditionService, *p.serviceState)
	case p.Service != nil && p.Service.DeletionTimestamp == nil && findCondition(p.Set.Status.Conditions, ConditionService) != nil:
		p.setCondition(ConditionService, verdict{corev1.ConditionTrue, "ServiceMatches", "the governing Service gives the pods their names"})
	}
}

func (p *planner) availability() verdict {
	worst := p.firstUnavailable()
	for _, m := range p.replicas {
		if m.state == Stuck {
			worst = m
			break
		}
	}
	switch {
	case p.frozen != nil:
		return *p.frozen
	case p.ordinals.Count == 0:
		return verdict{corev1.ConditionTrue, "AllAvailable", "no pods are wanted"}
	case worst == nil:
		return verdict{corev1.ConditionTrue, "AllAvailable", fmt.Sprintf("%d of %d pods are available", p.ordinals.Count, p.ordinals.Count)}
	case p.Refused != nil:
		return verdict{corev1.ConditionFalse, p.Refused.Reason, p.Refused.Message}
	}
	return verdict{corev1.ConditionFalse, worst.state.reason(), worst.name + " " + worst.words}
}

// reason is the state as the reason of a condition.
func (s State) reason() string {
	return [...]string{
		Missing: "PodMissing", Foreign: "NameTaken", Adopting: "PodAdopting", Terminating: "PodTerminating",
		Finished: "PodFinished", Stuck: "PodCannotStart", Starting: "PodStarting", Unready: "PodNotReady",
		Ready: "PodNotAvailable",
	}[s]
}

// progress is True while something is being done or waited for.
func (p *planner) progress() verdict {
	if p.Refused != nil && !p.plan.AtRest() {
		return verdict{corev1.ConditionFalse, p.Refused.Reason, p.Refused.Message}
	}
	if p.isLate() {
		return p.tooLate()
	}
	if v := p.budgetStalls(); v != nil {
		return *v
	}
	if p.blocked != nil {
		return *p.blocked
	}
	if p.pause != "" {
		return verdict{corev1.ConditionUnknown, p.pause, p.standing()}
	}
	if words := p.standing(); words != "" {
		return verdict{corev1.ConditionTrue, "InProgress", words}
	}
	if p.plan.Status.CurrentRevision != p.update.Name || p.overriding() {
		return verdict{corev1.ConditionFalse, reasonComplete, fmt.Sprintf("revision %s is rolled out as far as the strategy goes", p.update.Name)}
	}
	return verdict{corev1.ConditionFalse, reasonComplete, fmt.Sprintf("revision %s is rolled out", p.update.Name)}
}

func (p *planner) tooLate() verdict {
	if p.failed != nil {
		return verdict{corev1.ConditionFalse, reasonTooLate, p.failedWords()}
	}
	return verdict{corev1.ConditionFalse, reasonTooLate, p.standing() + p.overrideWords()}
}

// standing says what the set is at; empty if it has reached its goal.
func (p *planner) standing() string {
	if len(p.plan.Waits) > 0 {
		return p.plan.Waits[0].String()
	}
	for _, a := range p.plan.Actions {
		if a.Kind() == "pod" {
			return a.headline()
		}
	}
	return ""
}

// recreateProgress is upstream's Progressing condition of the Recreate strategy.
func (p *planner) recreateProgress() (verdict, bool) {
	existing := findCondition(p.Set.Status.Conditions, appsv1.StatefulSetProgressing)
	switch {
	case p.pause != "":
		return verdict{corev1.ConditionUnknown, p.pause, p.standing()}, true
	case p.recreating:
		return verdict{corev1.ConditionTrue, reasonRecreating, "Deleting old revision pods"}, true
	case p.updateComplete() && (existing != nil || p.current.Name != p.update.Name):
		return verdict{corev1.ConditionFalse, reasonRecreated, "All pods recreated successfully"}, true
	case p.current.Name != p.update.Name:
		return verdict{corev1.ConditionTrue, reasonRecreating, "Waiting for new-revision pods to be created"}, true
	}
	return verdict{}, false
}

// deadlineExceeded reports whether nothing got further for the time that the
// annotation allows. A pod that leaves, and one that joins, has a time of its own.
func (p *planner) deadlineExceeded() bool {
	if p.deadline == 0 || p.pause != "" || p.departures.now != nil || p.joins.now != nil || p.standing() == "" {
		return false
	}
	left := p.lastProgress().Add(p.deadline).Sub(p.Now)
	if left > 0 {
		p.lookAgain(left)
	}
	return left <= 0
}

// lastProgress is the newest time at which the set left its rest, or a revision
// or a pod came into being, became ready, or began to go.
func (p *planner) lastProgress() time.Time {
	if p.startsAnew() {
		return p.Now
	}
	last := p.Set.CreationTimestamp.Time
	seen := func(t metav1.Time) {
		if t.After(last) {
			last = t.Time
		}
	}
	seen(p.update.CreationTimestamp)
	switch c := findCondition(p.Set.Status.Conditions, appsv1.StatefulSetProgressing); {
	case c == nil:
	case slices.Contains(ofRest, c.Reason):
		return p.Now // it was at rest until now
	case c.Reason != reasonTooLate:
		seen(c.LastTransitionTime) // it has been getting further since, or been refused
	}
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if !m.owned() {
			continue
		}
		seen(m.pod.CreationTimestamp)
		if m.moves != nil {
			seen(metav1.NewTime(m.moves.Since))
		}
		if m.pod.DeletionTimestamp != nil {
			seen(*m.pod.DeletionTimestamp)
		}
		if ready := readyCondition(m.pod); ready != nil && ready.Status == corev1.ConditionTrue {
			seen(ready.LastTransitionTime)
		}
	}
	return last
}

func findCondition(conditions []appsv1.StatefulSetCondition, kind appsv1.StatefulSetConditionType) *appsv1.StatefulSetCondition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}

// setCondition puts a verdict into the status. The time of transition is that of the last
// change of True to False or back, or of the end of a rest: the deadline counts from then,
// and a set that is refused at once is never found to progress.
func (p *planner) setCondition(kind appsv1.StatefulSetConditionType, v verdict) {
	conditions := &p.plan.Status.Conditions
	condition := appsv1.StatefulSetCondition{
		Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
		LastTransitionTime: metav1.NewTime(p.Now.Truncate(time.Second)),
	}
	existing := findCondition(*conditions, kind)
	if existing == nil {
		*conditions = append(*conditions, condition)
		return
	}
	endsRest := kind == appsv1.StatefulSetProgressing && slices.Contains(ofRest, existing.Reason) && !slices.Contains(ofRest, v.reason)
	begins := kind == appsv1.StatefulSetProgressing && p.startsAnew()
	if existing.Status == v.status && !endsRest && !begins {
		condition.LastTransitionTime = existing.LastTransitionTime
	}
	*existing = condition
}
