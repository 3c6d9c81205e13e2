package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// targets are all that a history is about, the frequent ones several times.
var targets = []target{
	{sets, "web"}, {sets, "web"}, {sets, "db"},
	{pods, "web-0"}, {pods, "web-0"}, {pods, "web-1"}, {pods, "web-1"},
	{claims, "data-web-0"}, {claims, "data-web-1"},
	{revisions, "web-a"}, {revisions, "web-b"},
	{services, "peers"},
}

// fieldManagers are those in whose names requests are made.
var fieldManagers = []string{"alice", "alice", "bob"}

// generator makes up requests. What it chooses follows from its seed, and from what
// the simulated server holds.
type generator struct {
	*rand.Rand
	namespace string
	server    *apiserver.Server
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g *generator) has(t target) bool {
	_, err := g.server.Get(t.kind, types.NamespacedName{Namespace: g.namespace, Name: t.name})
	return err == nil
}

func (g *generator) isGoing(t target) bool {
	o, err := g.server.Get(t.kind, types.NamespacedName{Namespace: g.namespace, Name: t.name})
	return err == nil && o.GetDeletionTimestamp() != nil
}

// next is the next request: mostly to create what is not there, and to do something
// else with what is.
func (g *generator) next() operation {
	t := targets[g.IntN(len(targets))]
	if !g.has(t) && g.chance(85) {
		return g.create(t)
	}
	switch n := g.IntN(100); {
	case n < 3:
		return g.create(t)
	case t.kind == services && n < 20:
		return g.apply(t)
	case n < 25:
		return g.update(t)
	case n < 40:
		return g.updateStatus(t)
	case n < 65:
		return g.patch(t)
	case n < 70:
		return g.scale()
	case n < 75:
		return g.bind()
	}
	return g.delete(t)
}

func (g *generator) create(t target) operation {
	text, made := "create "+t.String(), []change{}
	for g.chance(40) {
		made = append(made, g.changeMade(t.kind))
	}
	return operation{text: with(text, made), do: func(s *side) (client.Object, error) {
		o := newObject(t, g.namespace)
		for _, c := range made {
			c.apply(s, o)
		}
		return o, s.Create(o)
	}}
}

func (g *generator) update(t target) operation {
	made := []change{g.change(t.kind), g.guard()}
	if g.chance(20) {
		made = append([]change{g.change(t.kind)}, made...)
	}
	return operation{text: with("update "+t.String(), made), do: func(s *side) (client.Object, error) {
		o, err := g.read(s, t)
		if err != nil {
			return nil, err
		}
		for _, c := range made {
			c.apply(s, o)
		}
		return o, s.Update(o)
	}}
}

func (g *generator) updateStatus(t target) operation {
	made := []change{g.changeStatus(t.kind), g.guard()}
	if g.chance(30) {
		made = append(made, g.change(t.kind))
	}
	return operation{text: with("update the status of "+t.String(), made), do: func(s *side) (client.Object, error) {
		o, err := g.read(s, t)
		if err != nil {
			return nil, err
		}
		for _, c := range made {
			c.apply(s, o)
		}
		return o, s.UpdateStatus(o)
	}}
}

// read is what is there, or else what would be created.
func (g *generator) read(s *side, t target) (client.Object, error) {
	o := newObject(t, g.namespace)
	found := empty(t, g.namespace)
	switch err := s.Get(found); {
	case err == nil:
		return found, nil
	case apierrors.IsNotFound(err):
		return o, nil
	default:
		return nil, err
	}
}

func (g *generator) patch(t target) operation {
	kind := types.MergePatchType
	if g.chance(50) {
		kind = types.StrategicMergePatchType
	}
	body := g.body(t.kind, kind)
	guard := g.guardPatch()
	text := fmt.Sprintf("%s patch of %s: %s%s", map[types.PatchType]string{types.MergePatchType: "merge", types.StrategicMergePatchType: "strategic merge"}[kind], t, body.text, guard.text)
	return operation{text: text, do: func(s *side) (client.Object, error) {
		fields := body.make(s)
		if len(guard.text) > 0 {
			metadata, _ := fields["metadata"].(map[string]any)
			if metadata == nil {
				metadata = map[string]any{}
				fields["metadata"] = metadata
			}
			guard.add(g, s, t, metadata)
		}
		data, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		o := empty(t, g.namespace)
		return o, s.Patch(o, kind, data)
	}}
}

// apply is a server-side apply of a Service.
func (g *generator) apply(t target) operation {
	labels, selector := map[string]string{"tier": fmt.Sprint(g.IntN(3))}, map[string]string{"app": pick(g, []string{"web", "db"})}
	if g.chance(30) {
		labels = nil
	}
	force := g.chance(40)
	text := fmt.Sprintf("apply %s with labels %v and selector %v, by force: %t", t, labels, selector, force)
	return operation{text: text, do: func(s *side) (client.Object, error) {
		o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: t.name, Labels: labels}}
		o.Spec = corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: selector}
		if err := s.Apply(o, force); err != nil {
			return nil, err
		}
		made := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: t.name}}
		return made, s.Get(made)
	}}
}

// scale writes the scale subresource, with another number than there is: who wrote
// the same number first, the real server notes in managedFields.
func (g *generator) scale() operation {
	t := targets[g.IntN(3)]
	n := int32(g.IntN(6) - 1)
	if o, err := g.server.Get(t.kind, types.NamespacedName{Namespace: g.namespace, Name: t.name}); err == nil && *o.(*appsv1.StatefulSet).Spec.Replicas == n {
		n++
	}
	guard := g.guard()
	return operation{text: with(fmt.Sprintf("scale %s to %d", t, n), []change{guard}), do: func(s *side) (client.Object, error) {
		o, err := g.read(s, t)
		if err != nil {
			return nil, err
		}
		guard.apply(s, o)
		scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: t.name, UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}}
		scale.Spec.Replicas = n
		return nil, s.UpdateScale(scale)
	}}
}

func (g *generator) bind() operation {
	t := targets[3+g.IntN(4)]
	return operation{text: "bind " + t.String(), do: func(s *side) (client.Object, error) {
		return nil, s.Bind(t.name, nowhere)
	}}
}

// delete is with every combination of conditions, policy and grace period. No grace
// period is one that could run out on the way, on one server before the other:
// TestTheSimulatedServerCutsAGracePeriodShortAsTheRealOne waits for that.
func (g *generator) delete(t target) operation {
	words := []string{"delete " + t.String()}
	uid, version := g.precondition("UID", &words), g.precondition("resourceVersion", &words)
	policies := []metav1.DeletionPropagation{"", metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan}
	policy := policies[g.IntN(len(policies))]
	if policy != "" {
		words = append(words, string(policy))
	}
	var grace *int64
	if g.chance(40) {
		grace = ptr.To([]int64{0, 0, 0, 3600, 7200, -1}[g.IntN(6)])
		words = append(words, fmt.Sprintf("grace period %d", *grace))
	}
	quiet := policy == metav1.DeletePropagationForeground || policy == metav1.DeletePropagationOrphan
	return operation{text: strings.Join(words, ", "), needsQuiet: quiet, do: func(s *side) (client.Object, error) {
		o, err := g.read(s, t)
		if err != nil {
			return nil, err
		}
		options := &client.DeleteOptions{GracePeriodSeconds: grace}
		if policy != "" {
			options.PropagationPolicy = &policy
		}
		if uid+version != "" {
			options.Preconditions = &metav1.Preconditions{}
		}
		switch uid {
		case right:
			options.Preconditions.UID = ptr.To(o.GetUID())
		case wrong:
			options.Preconditions.UID = ptr.To(types.UID(noUID))
		}
		switch version {
		case right:
			options.Preconditions.ResourceVersion = ptr.To(o.GetResourceVersion())
		case wrong:
			options.Preconditions.ResourceVersion = ptr.To("1")
		}
		return nil, s.Delete(o, options)
	}}
}

const (
	right = "right"
	wrong = "wrong"
	// noUID is one that no server gives.
	noUID = "00000000-0000-0000-0000-000000000000"
	// nowhere is a node that is not there, so that no kubelet does anything.
	nowhere = "nowhere"
)

// precondition is right, wrong, or mostly absent.
func (g *generator) precondition(what string, words *[]string) string {
	switch n := g.IntN(100); {
	case n < 60:
		return ""
	case n < 85:
		*words = append(*words, "if it has the "+what+" it has")
		return right
	}
	*words = append(*words, "if it has another "+what)
	return wrong
}

// with tells of a request what it changes.
func with(text string, made []change) string {
	var words []string
	for _, c := range made {
		if c.text != "" {
			words = append(words, c.text)
		}
	}
	if len(words) == 0 {
		return text
	}
	return text + ": " + strings.Join(words, ", ")
}
