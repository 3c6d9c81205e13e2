package plan

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// Kind is the kind of the action's object, as a user would say it.
func (a Action) Kind() string {
	switch a.Object.(type) {
	case *corev1.Pod:
		return "pod"
	case *corev1.PersistentVolumeClaim:
		return "claim"
	case *appsv1.ControllerRevision:
		return "revision"
	case *corev1.Service:
		return "service"
	}
	return fmt.Sprintf("%T", a.Object)
}

// headline is the action without its reason: "create pod web-1 at web-6d4b75cb6d".
func (a Action) headline() string {
	text := fmt.Sprintf("%s %s %s", a.Verb, a.Kind(), a.Object.GetName())
	if pod, ok := a.Object.(*corev1.Pod); ok && a.Verb == Create {
		text += " at " + identity.Revision(pod)
	}
	return text
}

// String is one line: what is done, and why.
func (a Action) String() string { return a.headline() + ", because " + a.Why }

// String is one line: what waits, and for what.
func (w Wait) String() string { return fmt.Sprintf("%s waits: %s %s", w.Holds, w.For, w.State) }

// String is the plan as text, for people and for golden files.
func (p *Plan) String() string {
	var b strings.Builder
	section := func(name string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s:\n", name)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	section("do", actionLines(p.Actions, ""))
	section("wait", lines(p.Waits, Wait.String))
	section("warn", lines(p.Events, func(e Event) string { return e.Reason + ": " + e.Message }))
	section("status", p.statusLines())
	if p.RequeueAfter > 0 {
		fmt.Fprintf(&b, "look again: in %s\n", p.RequeueAfter)
	}
	return b.String()
}

func lines[T any](items []T, text func(T) string) []string {
	var all []string
	for _, item := range items {
		all = append(all, text(item))
	}
	return all
}

// actionLines lists each action after what it needs.
func actionLines(actions []Action, indent string) []string {
	var all []string
	for _, a := range actions {
		all = append(all, indent+a.String())
		for _, need := range actionLines(a.Needs, indent+"  ") {
			all = append(all, "after "+strings.TrimLeft(need, " "))
		}
	}
	return all
}

func (p *Plan) statusLines() []string {
	s := &p.Status
	all := []string{
		fmt.Sprintf("revision %s, updating to %s", s.CurrentRevision, s.UpdateRevision),
		fmt.Sprintf("%d pods: %d ready, %d available, %d current, %d updated",
			s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.CurrentReplicas, s.UpdatedReplicas),
	}
	if s.CurrentRevision == s.UpdateRevision {
		all[0] = "revision " + s.CurrentRevision
	}
	for _, c := range s.Conditions {
		all = append(all, fmt.Sprintf("%s is %s, %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return all
}
