package snapshot

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/plan"
)

// mostVolumes bounds what is kept of the volumes of a set.
const mostVolumes = 100

// lookAtVolumes reads volumes, and whether the nodes exist to which they are bound, and adds
// them to the snapshot. Both are read where a pod does not start and a policy asks for it, and
// never cached: a cluster has more of them than this program has use for. What cannot be read
// keeps nothing else from being done.
func lookAtVolumes(ctx context.Context, live client.Reader, s *plan.Snapshot, names []string) {
	if len(names) == 0 {
		return
	}
	all := map[string]plan.Volume{}
	if len(s.Volumes)+len(names) <= mostVolumes {
		maps.Copy(all, s.Volumes)
	}
	for _, name := range names {
		lost, err := lostNodes(ctx, live, name)
		all[name] = plan.Volume{LostNodes: lost, At: s.Now}
		if err != nil {
			all[name] = plan.Volume{Unknown: err.Error(), At: s.Now}
		}
	}
	s.Volumes = all
}

// lostNodes are the nodes of a volume, if none of them exists. A volume that does not exist
// itself has lost none: its claim says that it is lost.
func lostNodes(ctx context.Context, live client.Reader, name string) ([]string, error) {
	v := &corev1.PersistentVolume{}
	if err := live.Get(ctx, types.NamespacedName{Name: name}, v); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	hosts := hostsOf(v)
	for _, host := range hosts {
		var nodes corev1.NodeList
		if err := live.List(ctx, &nodes, client.MatchingLabels{corev1.LabelHostname: host}, client.Limit(1)); err != nil || len(nodes.Items) > 0 {
			return nil, err
		}
	}
	return hosts, nil
}

// hostsOf are the host names of the nodes from which a volume can be reached, none where it
// may be reached from others.
func hostsOf(v *corev1.PersistentVolume) []string {
	if v.Spec.NodeAffinity == nil || v.Spec.NodeAffinity.Required == nil {
		return nil
	}
	var hosts []string
	for _, term := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
		i := slices.IndexFunc(term.MatchExpressions, func(e corev1.NodeSelectorRequirement) bool {
			return e.Key == corev1.LabelHostname && e.Operator == corev1.NodeSelectorOpIn
		})
		if i < 0 {
			return nil // of several terms one is enough
		}
		hosts = append(hosts, term.MatchExpressions[i].Values...)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
