package snapshot

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/plan"
)

// Look reads the pods and claims that a plan asks for whole from the API server, and adds them
// to the snapshot. Pods take the place of those that the caches have: what is decided about one
// goes by the very state of it that is written, such as who is the leader. It reports whether
// there was any to read. What is gone meanwhile is left out: the caches are about to show that.
func Look(ctx context.Context, live client.Reader, s *plan.Snapshot, p *plan.Plan) (looked bool, err error) {
	pods, _, err := whole(ctx, live, s.Set.Namespace, p.Looks, func() *corev1.Pod { return &corev1.Pod{} }, &s.Closely)
	if err != nil {
		return false, err
	}
	s.Pods = slices.Clone(s.Pods)
	for i, pod := range s.Pods {
		s.Pods[i] = cmp.Or(s.Closely[pod.UID], pod)
	}
	claims, gone, err := whole(ctx, live, s.Set.Namespace, p.ClaimLooks, func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} }, &s.ClaimsClosely)
	if err != nil {
		return false, err
	}
	for _, name := range gone {
		if s.ClaimsGone == nil {
			s.ClaimsGone = map[string]bool{}
		}
		s.ClaimsGone[name] = true
	}
	lookAtVolumes(ctx, live, s, p.VolumeLooks)
	return pods || claims || len(gone)+len(p.VolumeLooks) > 0, nil
}

// whole reads objects of these names into a map by their UIDs, and says which are not there.
func whole[O client.Object](ctx context.Context, live client.Reader, namespace string, names []string, empty func() O, into *map[types.UID]O) (looked bool, gone []string, err error) {
	for _, name := range names {
		object := empty()
		err := live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, object)
		if client.IgnoreNotFound(err) != nil {
			return false, nil, err
		}
		if err != nil {
			gone = append(gone, name)
			continue
		}
		if *into == nil {
			*into = map[types.UID]O{}
		}
		(*into)[object.GetUID()], looked = object, true
	}
	return looked, gone, nil
}
