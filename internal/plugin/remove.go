package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

const (
	// removalTime is how long the controller has by default to see a policy.
	removalTime = time.Minute
	// removalEvery is how often it is looked at whether it has.
	removalEvery = 200 * time.Millisecond
)

func (e Env) newRemove() *cobra.Command {
	var (
		at      *access
		yes     bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "remove pod/NAME",
		Short: "Have a pod of a StatefulSet go for good, and no other come or go",
		Long: `Have a pod of a StatefulSet go for good, and no other come or go: its ordinal is reserved
in the set's policy, which is made if there is none, and the set is scaled down by one.
Both take effect together. Where claims go with the pod, it is asked before; where nobody
can be asked, add --yes.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, err := at.connect()
			if err != nil {
				return err
			}
			r := removal{env: e, cluster: cluster, timeout: timeout}
			return r.run(c.Context(), c.InOrStdin(), args[0], yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask: the claims are to go with the pod")
	c.Flags().DurationVar(&timeout, "timeout", removalTime, "how long to wait for the controller to see the policy")
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completePod
	return c
}

// A removal is a pod on its way out of its set.
type removal struct {
	env     Env
	cluster *cluster
	timeout time.Duration
}

// run reserves the ordinal, waits until the controller knows that, and scales down. The policy
// holds the reservation back until then, see plan.RemovalAnnotation: so it makes no difference
// if it goes no further.
func (r removal) run(ctx context.Context, in io.Reader, arg string, yes bool) error {
	m, err := r.cluster.memberOf(ctx, arg)
	if err != nil {
		return err
	}
	if err := r.ask(ctx, in, m, yes); err != nil {
		return err
	}
	policy, err := r.reserve(ctx, m)
	if err != nil {
		return err
	}
	if err := r.awaitSeen(ctx, m, policy); err != nil {
		return err
	}
	left, err := r.scaleDown(ctx, m)
	if err != nil {
		return fmt.Errorf("scale StatefulSet %s down: %w; policy %s reserves ordinal %d as soon as that is done: run this again", m.s.Set.Name, err, policy.Name, m.ordinal)
	}
	r.tell(m, policy, left)
	return nil
}

// ask says what becomes of the claims, and asks where they are lost.
func (r removal) ask(ctx context.Context, in io.Reader, m *member, yes bool) error {
	claims := m.claims()
	switch {
	case len(claims) == 0:
		return nil
	case keepsClaims(m.s.Set):
		fmt.Fprintf(r.env.Out, "Pod %s goes, and its claims stay, with what is in them:%s\n", m.name, r.cluster.listOf(ctx, claims))
		return nil
	}
	what := fmt.Sprintf("Pod %s goes, and since persistentVolumeClaimRetentionPolicy.whenScaled is Delete, these claims go with it, with what is in them:%s", m.name, r.cluster.listOf(ctx, claims))
	if others := m.others(); others != "" {
		what += "\n" + others
	}
	return r.env.confirm(in, question{what, yes})
}

// reserve writes the policy, which holds the reservation back until the set is scaled down.
func (r removal) reserve(ctx context.Context, m *member) (*v1alpha1.StatefulSetPolicy, error) {
	set, entry := m.s.Set, v1alpha1.OrdinalRange(strconv.Itoa(m.ordinal))
	annotation := plan.Removal{Ordinals: []v1alpha1.OrdinalRange{entry}, Set: set.UID, Generation: set.Generation}
	policy := plan.PolicyFor(m.s.Policies)
	if policy == nil {
		policy = &v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name}}
		policy.Annotations = map[string]string{plan.RemovalAnnotation: annotation.String()}
		policy.Spec.TargetRef.Name = set.Name
		policy.Spec.Scaling = &v1alpha1.Scaling{ReservedOrdinals: []v1alpha1.OrdinalRange{entry}}
		err := r.cluster.client.Create(ctx, policy)
		switch {
		case apierrors.IsAlreadyExists(err):
			return nil, fmt.Errorf("there is a policy %s, and it is for another StatefulSet: make one for %s under another name, and run this again", policy.Name, set.Name)
		case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
			return nil, errors.New("the API server does not know StatefulSetPolicies, by which ordinals are reserved: install Ordinal, with its CustomResourceDefinition")
		case err != nil:
			return nil, fmt.Errorf("make policy %s: %w", policy.Name, err)
		}
		return policy, nil
	}
	changed := policy.DeepCopy()
	metav1.SetMetaDataAnnotation(&changed.ObjectMeta, plan.RemovalAnnotation, annotation.String())
	if changed.Spec.Scaling == nil {
		changed.Spec.Scaling = &v1alpha1.Scaling{}
	}
	if reserved := changed.Spec.Scaling.ReservedOrdinals; !slices.Contains(reserved, entry) { // it may have been held back before
		changed.Spec.Scaling.ReservedOrdinals = append(reserved, entry)
	}
	patch := client.MergeFromWithOptions(policy.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if err := r.cluster.client.Patch(ctx, changed, patch); err != nil {
		return nil, fmt.Errorf("reserve ordinal %d in policy %s: %w", m.ordinal, policy.Name, err)
	}
	return changed, nil
}

// awaitSeen waits until the controller goes by the policy: before, it would take the highest
// pod of a set that is scaled down.
func (r removal) awaitSeen(ctx context.Context, m *member, policy *v1alpha1.StatefulSetPolicy) error {
	key := client.ObjectKeyFromObject(policy)
	err := wait.PollUntilContextTimeout(ctx, removalEvery, r.timeout, true, func(ctx context.Context) (bool, error) {
		now := &v1alpha1.StatefulSetPolicy{}
		if err := r.cluster.client.Get(ctx, key, now); err != nil {
			return false, err
		}
		return now.Status.ObservedGeneration >= policy.Generation, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return fmt.Errorf("the controller has not seen policy %s after %s, so StatefulSet %s is not scaled down, and nothing happens: is Ordinal's controller running, and is the set its own? see: %s status sts/%s",
			policy.Name, r.timeout, m.s.Set.Name, r.env.Program, m.s.Set.Name)
	}
	return err
}

// scaleDown has the set want one pod less, provided it wants as many as it did.
func (r removal) scaleDown(ctx context.Context, m *member) (left int, err error) {
	had := identity.OrdinalsOf(m.s.Set).Count
	left = had - 1
	patch := fmt.Appendf(nil, `[{"op":"test","path":"/spec/replicas","value":%d},{"op":"replace","path":"/spec/replicas","value":%d}]`, had, left)
	body := &client.SubResourcePatchOptions{SubResourceBody: &autoscalingv1.Scale{}}
	err = r.cluster.client.SubResource("scale").Patch(ctx, m.s.Set.DeepCopy(), client.RawPatch(types.JSONPatchType, patch), body)
	if apierrors.IsInvalid(err) {
		err = fmt.Errorf("it does not want %d pods any more (%w)", had, err)
	}
	return left, err
}

// tell says what was done, and what to change where the objects are kept.
func (r removal) tell(m *member, policy *v1alpha1.StatefulSetPolicy, left int) {
	fmt.Fprintf(r.env.Out, "pod %s is removed: policy %s reserves ordinal %d, and StatefulSet %s wants %d pods; see how it goes: %s watch sts/%s\n",
		m.name, policy.Name, m.ordinal, m.s.Set.Name, left, r.env.Program, m.s.Set.Name)
	fmt.Fprintf(r.env.Out, `Where these are kept in git, change both together, or what is there comes back:
  StatefulSet %s        spec.replicas: %d
  StatefulSetPolicy %s  spec.scaling.reservedOrdinals: %s
`, m.s.Set.Name, left, policy.Name, quoted(policy.Spec.Scaling.ReservedOrdinals))
	if owner := keeperOf(m.s.Set); owner != "" {
		fmt.Fprintf(r.env.Out, "The set is kept by %s.\n", owner)
	}
}

func quoted(ranges []v1alpha1.OrdinalRange) string {
	text := "["
	for i, r := range ranges {
		if i > 0 {
			text += ", "
		}
		text += strconv.Quote(string(r))
	}
	return text + "]"
}
