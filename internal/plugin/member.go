package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/follow"
)

// A member is a pod of a set that a command is about, whether it is there or not.
type member struct {
	s       *plan.Snapshot
	name    string
	ordinal int
	pod     *corev1.Pod // nil if there is none
}

// podName is the name in "NAME" or "pod/NAME", which has to be that of a set's member.
func podName(arg string) (name, set string, ordinal int, err error) {
	kind, name, typed := strings.Cut(arg, "/")
	if !typed {
		kind, name = "pod", arg
	}
	if !slices.Contains([]string{"pod", "pods", "po"}, kind) {
		return "", "", 0, fmt.Errorf("%q is not a pod: write pod/NAME", arg)
	}
	set, ordinal, ok := identity.Parse(name)
	if !ok {
		return "", "", 0, fmt.Errorf("%q is no pod of a StatefulSet: their names end in an ordinal, such as pod/web-1", arg)
	}
	return name, set, ordinal, nil
}

// memberOf finds the member that an argument names.
func (c *cluster) memberOf(ctx context.Context, arg string) (*member, error) {
	name, set, ordinal, err := podName(arg)
	if err != nil {
		return nil, err
	}
	s, err := c.look(set)(ctx)
	if errors.Is(err, follow.ErrGone) {
		return nil, fmt.Errorf("pod %s is not one of a StatefulSet: %w", name, err)
	}
	if err != nil {
		return nil, err
	}
	m := &member{s: &s, name: name, ordinal: ordinal}
	for _, pod := range s.Pods {
		if pod.Name == name {
			m.pod = pod
		}
	}
	return m, m.check()
}

// check says why nothing can be done with a member, nil if it can.
func (m *member) check() error {
	set, wanted := m.s.Set, plan.Wanted(m.s.Set, m.s.Policies)
	switch {
	case set.DeletionTimestamp != nil:
		return fmt.Errorf("StatefulSet %s is being deleted, and all of its pods go", set.Name)
	case m.pod != nil && !metav1.IsControlledBy(m.pod, set):
		return fmt.Errorf("pod %s does not belong to StatefulSet %s", m.name, set.Name)
	case wanted.Contains(m.ordinal):
		return nil
	case wanted.Reserves(m.ordinal):
		return fmt.Errorf("ordinal %d of StatefulSet %s is reserved already: pod %s goes, or is gone", m.ordinal, set.Name, m.name)
	case m.pod != nil:
		return fmt.Errorf("StatefulSet %s does not want pod %s any more: it goes", set.Name, m.name)
	}
	return fmt.Errorf("StatefulSet %s has no pod %s", set.Name, m.name)
}

// claims are those that the member has, in the order of their templates.
func (m *member) claims() (all []*corev1.PersistentVolumeClaim) {
	for _, claim := range m.s.Claims {
		if set, ordinal, ok := identity.Parse(claim.Name); ok && ordinal == m.ordinal && strings.HasSuffix(set, "-"+m.s.Set.Name) {
			all = append(all, claim)
		}
	}
	slices.SortFunc(all, func(a, b *corev1.PersistentVolumeClaim) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// others says how many of the other members are not available, empty if all are.
func (m *member) others() string {
	missing := 0
	minReady := time.Duration(m.s.Set.Spec.MinReadySeconds) * time.Second
	for ordinal := range plan.Wanted(m.s.Set, m.s.Policies).All() {
		if ordinal == m.ordinal {
			continue
		}
		i := slices.IndexFunc(m.s.Pods, func(p *corev1.Pod) bool { return p.Name == identity.PodName(m.s.Set.Name, ordinal) })
		if i < 0 {
			missing++
		} else if state, _ := plan.Observe(m.s.Pods[i], minReady, m.s.Now); state != plan.Available {
			missing++
		}
	}
	if missing == 0 {
		return ""
	}
	return fmt.Sprintf("Of the other pods of StatefulSet %s, %d are not available.", m.s.Set.Name, missing)
}

// describe says which claim it is, how large, and what becomes of its volume.
func (c *cluster) describe(ctx context.Context, claim *corev1.PersistentVolumeClaim) string {
	size := claim.Status.Capacity[corev1.ResourceStorage]
	if size.IsZero() {
		size = claim.Spec.Resources.Requests[corev1.ResourceStorage]
	}
	text := fmt.Sprintf("%s (%s)", claim.Name, size.String())
	if claim.Spec.VolumeName == "" {
		return text
	}
	volume := &corev1.PersistentVolume{}
	err := c.client.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, volume)
	if err == nil && volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain {
		text += fmt.Sprintf(", whose volume %s is kept with the data", volume.Name)
	}
	return text
}

// listOf are the claims in lines.
func (c *cluster) listOf(ctx context.Context, claims []*corev1.PersistentVolumeClaim) string {
	var b strings.Builder
	for _, claim := range claims {
		fmt.Fprintf(&b, "\n  %s", c.describe(ctx, claim))
	}
	return b.String()
}

// keepsClaims reports whether the claims of a pod that is not wanted any more stay.
func keepsClaims(set *appsv1.StatefulSet) bool {
	policy := set.Spec.PersistentVolumeClaimRetentionPolicy
	return policy == nil || policy.WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType
}
