package simnode

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// setConditions derives the pod's conditions from its phase and containers,
// with the kubelet's reasons. A condition whose status stays keeps its
// transition time.
func setConditions(pod *corev1.Pod, status *corev1.PodStatus, now time.Time) {
	set := func(t corev1.PodConditionType, ok bool, reason, message string) {
		c := corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation}
		if !ok {
			c.Status, c.Reason, c.Message = corev1.ConditionFalse, reason, message
		}
		setCondition(status, c, now)
	}

	set(corev1.PodScheduled, true, "", "")
	set(corev1.PodReadyToStartContainers, status.PodIP != "" && !ended(status.Phase), "", "")
	uninitialized := unready(status.InitContainerStatuses)
	set(corev1.PodInitialized, len(uninitialized) == 0 || ended(status.Phase), "ContainersNotInitialized",
		fmt.Sprintf("containers with incomplete status: %v", uninitialized))

	reason, message := "", ""
	if unready := unready(status.ContainerStatuses); len(unready) > 0 {
		reason, message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", unready)
	}
	switch status.Phase {
	case corev1.PodSucceeded:
		reason, message = "PodCompleted", ""
	case corev1.PodFailed:
		reason, message = "PodFailed", ""
	}
	set(corev1.ContainersReady, reason == "", reason, message)
	if gates := closedGates(pod, status); reason == "" && len(gates) > 0 {
		reason, message = "ReadinessGatesNotReady", "readiness gates not True: "+strings.Join(gates, ", ")
	}
	set(corev1.PodReady, reason == "", reason, message)

	if status.Reason == "Evicted" {
		setCondition(status, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation,
			Reason: corev1.PodReasonTerminationByKubelet, Message: status.Message,
		}, now)
	}
}

func setCondition(status *corev1.PodStatus, c corev1.PodCondition, now time.Time) {
	c.LastTransitionTime = *timestamp(now)
	for i, old := range status.Conditions {
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		status.Conditions[i] = c
		return
	}
	status.Conditions = append(status.Conditions, c)
}

func removeCondition(status *corev1.PodStatus, t corev1.PodConditionType) {
	status.Conditions = slices.DeleteFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == t })
}

func unready(statuses []corev1.ContainerStatus) []string {
	var names []string
	for _, s := range statuses {
		if !s.Ready {
			names = append(names, s.Name)
		}
	}
	return names
}

// closedGates names the pod's readiness gates whose condition is not True.
func closedGates(pod *corev1.Pod, status *corev1.PodStatus) []string {
	var closed []string
	for _, gate := range pod.Spec.ReadinessGates {
		open := false
		for _, c := range status.Conditions {
			open = open || c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		}
		if !open {
			closed = append(closed, string(gate.ConditionType))
		}
	}
	return closed
}

// ended tells whether no pod leaves phase.
func ended(phase corev1.PodPhase) bool {
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed
}
