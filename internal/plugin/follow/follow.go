// Package follow shows a StatefulSet again and again, until its pods are as they are to
// be.
package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/terminal"
)

// lookEvery is how often a set is looked at: often enough that nothing seems to jump.
const lookEvery = 250 * time.Millisecond

// ErrGone is what a look returns where there is no such set.
var ErrGone = errors.New("there is no StatefulSet")

// A Look is what the controller would see of the set now.
type Look func(context.Context) (plan.Snapshot, error)

// Set follows a set until it is complete. Where the context ends it, the
// error says what it waited for.
func Set(ctx context.Context, screen *terminal.Screen, look Look) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	waiting, seen := "the API server has not answered", false
	for {
		s, err := look(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			p := plan.Make(s)
			show(screen, s, p)
			if Complete(s, p) {
				return nil
			}
			waiting, seen = cmp.Or(HoldsUp(p), "it is on its way"), true
		case !seen || errors.Is(err, ErrGone): // others pass, such as those of an API server that is being replaced
			return err
		default:
			waiting = "it cannot be seen: " + strings.Join(strings.Fields(err.Error()), " ")
			screen.Note(waiting)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not complete after %s; %s", screen.Elapsed().Round(time.Second), waiting)
		case <-tick.C:
		}
	}
}

// HoldsUp says what keeps the set from its goal; empty if that is not known.
func HoldsUp(p plan.Plan) string {
	if len(p.Waits) > 0 {
		return p.Waits[0].String()
	}
	return p.Frozen
}

// Complete is what `kubectl rollout status` waits for, by the pods themselves: the status
// that is stored may be a second behind them. With a partition, or where outdated pods
// wait for their user to delete them, it is complete as far as the strategy goes.
func Complete(s plan.Snapshot, p plan.Plan) bool {
	want := identity.OrdinalsOf(s.Set).Count
	moves := len(p.Waits) > 0 || slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind() == "pod" })
	return s.Set.Status.ObservedGeneration >= s.Set.Generation && !moves && p.Frozen == "" &&
		int(p.Status.AvailableReplicas) == want && int(p.Status.Replicas) == want
}

func show(screen *terminal.Screen, s plan.Snapshot, p plan.Plan) {
	st, want := p.Status, identity.OrdinalsOf(s.Set).Count
	headline := fmt.Sprintf("%s  %d of %d available, %d up to date", s.Set.Name, st.AvailableReplicas, want, st.UpdatedReplicas)
	why := ""
	if !Complete(s, p) {
		why = HoldsUp(p)
	}
	if !screen.Live() {
		screen.Say(strings.TrimSuffix(headline+"; "+why, "; "))
		return
	}
	lines := []string{fmt.Sprintf("%s  (%.0fs)", headline, screen.Elapsed().Seconds())}
	lines = append(append(append(lines, Pods(s)...), Claims(p)...), "  "+why)
	screen.Draw(lines)
}

// Pods are a set's pods, a line for each, in their order.
func Pods(s plan.Snapshot) []string {
	pods := slices.Clone(s.Pods)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return ordinalOf(a) - ordinalOf(b) })
	var lines []string
	for _, pod := range pods {
		lines = append(lines, row(pod, s.Now))
	}
	return lines
}

// Claims are the claims of a set that change, a line for each.
func Claims(p plan.Plan) []string {
	var lines []string
	for _, c := range p.Claims {
		lines = append(lines, fmt.Sprintf("  … %-24s %s", c.Name, c.Words))
	}
	return lines
}

func row(pod *corev1.Pod, now time.Time) string {
	mark, words := "…", string(pod.Status.Phase)
	switch {
	case pod.DeletionTimestamp != nil:
		mark, words = "−", "Terminating"
	case podReady(pod):
		mark, words = "✓", "Ready"
	default:
		for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
				words = c.State.Waiting.Reason
			}
		}
	}
	age := duration.HumanDuration(now.Sub(pod.CreationTimestamp.Time))
	return fmt.Sprintf("  %s %-24s %-20s %-6s %s", mark, pod.Name, words, age, identity.Revision(pod))
}

func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func ordinalOf(pod *corev1.Pod) int {
	_, ordinal, _ := identity.Parse(pod.Name)
	return ordinal
}
