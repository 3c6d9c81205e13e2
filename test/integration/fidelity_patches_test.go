package integration

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// body is what a patch says.
type body struct {
	text string
	make func(s *side) map[string]any
}

type fields = map[string]any

func says(text string, f fields) body {
	return body{text, func(*side) map[string]any { return deepCopy(f) }}
}

func deepCopy(f fields) fields {
	c := fields{}
	for key, value := range f {
		if inner, ok := value.(fields); ok {
			value = deepCopy(inner)
		}
		c[key] = value
	}
	return c
}

// body is a patch of metadata, or of what a kind has.
func (g *generator) body(k apiserver.Kind, t types.PatchType) body {
	if g.chance(35) {
		return pick(g, bodies[k])
	}
	owner := g.owner(k)
	switch n := g.IntN(100); {
	case n < 15:
		value := fmt.Sprint(g.IntN(3))
		return says("label tier="+value, fields{"metadata": fields{"labels": fields{"tier": value}}})
	case n < 25:
		return says("no label tier", fields{"metadata": fields{"labels": fields{"tier": nil}}})
	case n < 30:
		return says("a label with spaces", fields{"metadata": fields{"labels": fields{"tier": "not valid"}}})
	case n < 45:
		name := pick(g, finalizers)
		return says("finalizer "+name, fields{"metadata": fields{"finalizers": []any{name}}})
	case n < 55 && t == types.StrategicMergePatchType:
		name := pick(g, finalizers)
		return says("no finalizer "+name, fields{"metadata": fields{"$deleteFromPrimitiveList/finalizers": []any{name}}})
	case n < 60:
		return says("no finalizers", fields{"metadata": fields{"finalizers": nil}})
	case n < 65:
		return says("nothing", fields{})
	case n < 70:
		return says("no owners", fields{"metadata": fields{"ownerReferences": nil}})
	case k == sets:
		return says("a note", fields{"metadata": fields{"annotations": fields{"note": "well done"}}})
	case n < 80 && t == types.StrategicMergePatchType:
		return body{"without " + owner.text, func(s *side) map[string]any {
			return fields{"metadata": fields{"ownerReferences": []any{fields{"$patch": "delete", "uid": owner.make(s).UID}}}}
		}}
	}
	return body{owner.text, func(s *side) map[string]any {
		return fields{"metadata": fields{"ownerReferences": []any{owner.make(s)}}}
	}}
}

var bodies = map[apiserver.Kind][]body{
	sets: {
		says("2 replicas", fields{"spec": fields{"replicas": 2}}),
		says("-2 replicas", fields{"spec": fields{"replicas": -2}}),
		says("no replicas", fields{"spec": fields{"replicas": nil}}),
		says("the words two replicas", fields{"spec": fields{"replicas": "two"}}),
		says("another service", fields{"spec": fields{"serviceName": "others"}}),
		says("a status", fields{"status": fields{"replicas": 5}}),
		says("a restart", fields{"spec": fields{"template": fields{"metadata": fields{"annotations": fields{"restarted": "now"}}}}}),
		says("partition 2", fields{"spec": fields{"updateStrategy": fields{"rollingUpdate": fields{"partition": 2}}}}),
	},
	revisions: {
		says("revision 7", fields{"revision": 7}),
		says("other data", fields{"data": fields{"more": true}}),
	},
	pods: {
		says("a condition", fields{"status": fields{"conditions": []any{fields{"type": "Ready", "status": "True"}}}}),
		says("a node", fields{"spec": fields{"nodeName": nowhere}}),
		says("a deadline", fields{"spec": fields{"activeDeadlineSeconds": 500}}),
	},
	claims: {
		says("more space", fields{"spec": fields{"resources": fields{"requests": fields{"storage": "3Mi"}}}}),
		says("a status", fields{"status": fields{"phase": "Bound"}}),
	},
	services: {
		says("another selector", fields{"spec": fields{"selector": fields{"tier": "1"}}}),
		says("no selector", fields{"spec": fields{"selector": nil}}),
		says("an annotation", fields{"metadata": fields{"annotations": fields{"note": "well done"}}}),
		says("nobody manages a field", fields{"metadata": fields{"managedFields": []any{fields{}}}}),
		says("alice manages the note alone", fields{"metadata": fields{
			"annotations": fields{"note": "mine"},
			"managedFields": []any{fields{
				"manager": "alice", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
				"fieldsV1": fields{"f:metadata": fields{"f:annotations": fields{"f:note": fields{}}}},
			}},
		}}),
	},
}

// patchGuard says which version of an object a patch is about.
type patchGuard struct {
	text string
	add  func(g *generator, s *side, t target, metadata map[string]any)
}

func (g *generator) guardPatch() patchGuard {
	switch n := g.IntN(100); {
	case n < 60:
		return patchGuard{}
	case n < 70:
		return patchGuard{", of its UID", func(g *generator, s *side, t target, metadata map[string]any) {
			if o, err := g.read(s, t); err == nil {
				metadata["uid"] = o.GetUID()
			}
		}}
	case n < 80:
		return patchGuard{", of another UID", func(_ *generator, _ *side, _ target, metadata map[string]any) { metadata["uid"] = noUID }}
	case n < 90:
		return patchGuard{", of its version", func(g *generator, s *side, t target, metadata map[string]any) {
			if o, err := g.read(s, t); err == nil {
				metadata["resourceVersion"] = o.GetResourceVersion()
			}
		}}
	}
	return patchGuard{", of another version", func(_ *generator, _ *side, _ target, metadata map[string]any) { metadata["resourceVersion"] = "1" }}
}
