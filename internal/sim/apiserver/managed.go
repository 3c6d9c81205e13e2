package apiserver

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// This file keeps metadata.managedFields, of Services: of the other kinds no
// controller of sets reads them. What is recorded is what the real server records,
// but for ports, which are one field here, and there one for each field of each port.

// A fieldSet is a set of fields by their paths, such as inLabels+"f:app".
type fieldSet map[string]bool

const (
	inLabels      = "f:metadata\nf:labels\n"
	inAnnotations = "f:metadata\nf:annotations\n"
	inFinalizers  = "f:metadata\nf:finalizers\n"
	inOwners      = "f:metadata\nf:ownerReferences\n"
	inServiceSpec = "f:spec\n"
	allPorts      = inServiceSpec + "f:ports"
)

// fieldsOf are the fields of a Service that somebody may own, and their values.
func fieldsOf(service *corev1.Service) map[string]any {
	fields := map[string]any{}
	pairs := func(at string, m map[string]string) {
		for key, value := range m {
			fields[at+"."], fields[at+"f:"+key] = true, value
		}
	}
	pairs(inLabels, service.Labels)
	pairs(inAnnotations, service.Annotations)
	for _, f := range service.Finalizers {
		fields[inFinalizers+"."], fields[inFinalizers+"v:"+quoted(f)] = true, true
	}
	for _, ref := range service.OwnerReferences {
		fields[inOwners+"."], fields[inOwners+`k:{"uid":`+quoted(string(ref.UID))+"}"] = true, ref
	}
	var spec map[string]any
	decode(encode(service.Spec), &spec)
	for name, value := range spec {
		fields[inServiceSpec+"f:"+name] = value
	}
	return fields
}

// manage records in a Service which fields the manager of this write has set, and
// takes those that it has changed from all others. What the write itself says of
// managedFields replaces what was recorded, unless it says nothing. old is nil for
// one that is made.
func (s *Server) manage(old, updated client.Object, subresource string) {
	service, ok := updated.(*corev1.Service)
	if !ok {
		return
	}
	was, is := map[string]any{}, fieldsOf(service)
	var recorded []metav1.ManagedFieldsEntry
	if old != nil {
		was, recorded = fieldsOf(old.(*corev1.Service)), old.GetManagedFields()
		if said := service.ManagedFields; subresource == "" && len(said) > 0 {
			recorded = slices.DeleteFunc(slices.Clone(said), func(e metav1.ManagedFieldsEntry) bool { return e == metav1.ManagedFieldsEntry{} })
		}
	}
	taken, lost := fieldSet{}, fieldSet{}
	for path, value := range is {
		if before, had := was[path]; !had || !reflect.DeepEqual(before, value) {
			taken[path], lost[path] = true, true
		}
	}
	for path := range was {
		if _, has := is[path]; !has {
			lost[path] = true
		}
	}
	service.ManagedFields = s.entries(recorded, taken, lost, subresource)
}

// entries are the recorded ones after the present manager has taken some fields, and
// all others have lost some.
func (s *Server) entries(recorded []metav1.ManagedFieldsEntry, taken, lost fieldSet, subresource string) []metav1.ManagedFieldsEntry {
	mine := metav1.ManagedFieldsEntry{
		Manager: s.Manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", Subresource: subresource,
	}
	if s.applying != nil {
		mine.Operation = metav1.ManagedFieldsOperationApply
	}
	var all []metav1.ManagedFieldsEntry
	own := fieldSet{}
	for _, entry := range recorded {
		fields := decodeFields(entry.FieldsV1)
		maps.DeleteFunc(fields, func(path string, _ bool) bool { return lost[path] })
		switch {
		case entry.Manager == mine.Manager && entry.Operation == mine.Operation && entry.Subresource == mine.Subresource:
			own, mine.Time = fields, entry.Time
		case len(fields) > 0:
			entry.FieldsV1 = encodeFields(fields)
			all = append(all, entry)
		}
	}
	if s.applying != nil {
		own = s.applying
	} else {
		maps.Copy(own, taken)
	}
	if len(taken) > 0 || s.applying != nil && mine.Time == nil {
		now := s.seconds()
		mine.Time = &now
	}
	if len(own) > 0 {
		mine.FieldsV1 = encodeFields(own)
		all = append(all, mine)
	}
	slices.SortStableFunc(all, func(a, b metav1.ManagedFieldsEntry) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Subresource, b.Subresource))
	})
	return all
}

// Owns reports whether an entry of managedFields owns anything under a path, such as
// f:spec or f:metadata, f:labels.
func Owns(entry metav1.ManagedFieldsEntry, path ...string) bool {
	under := strings.Join(path, "\n")
	for owned := range decodeFields(entry.FieldsV1) {
		if owned == under || strings.HasPrefix(owned, under+"\n") {
			return true
		}
	}
	return false
}

// decodeFields reads what an entry owns; what it cannot read is nothing.
func decodeFields(encoded *metav1.FieldsV1) fieldSet {
	fields := fieldSet{}
	if encoded == nil {
		return fields
	}
	var tree map[string]any
	if err := json.Unmarshal(encoded.GetRawBytes(), &tree); err == nil {
		flattenFields("", tree, fields)
	}
	return fields
}

func flattenFields(path string, tree map[string]any, into fieldSet) {
	if len(tree) == 0 || path == allPorts {
		into[path] = path != ""
		return
	}
	for name, inner := range tree {
		deeper, _ := inner.(map[string]any)
		flattenFields(strings.TrimPrefix(path+"\n"+name, "\n"), deeper, into)
	}
}

func encodeFields(fields fieldSet) *metav1.FieldsV1 {
	tree := map[string]any{}
	for path := range fields {
		at := tree
		for name := range strings.SplitSeq(path, "\n") {
			deeper, ok := at[name].(map[string]any)
			if !ok {
				deeper = map[string]any{}
				at[name] = deeper
			}
			at = deeper
		}
	}
	return metav1.NewFieldsV1(string(encode(tree)))
}

func quoted(text string) string { return string(encode(text)) }

func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // everything here is of types that JSON knows
	}
	return data
}

func decode(data []byte, into any) {
	if err := json.Unmarshal(data, into); err != nil {
		panic(err) // it was encoded here
	}
}
