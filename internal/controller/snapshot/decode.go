package snapshot

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What the caches strip need not be decoded in the first place: it is most of a pod,
// and takes longer than to plan for it. So fields that are not read are cut out of the
// encoded objects, in protocol buffers. What is left may hold something that is stripped
// afterwards (see transform.go), and lacks nothing that is not.

// A message says which fields of a message are decoded, by their numbers, and what of
// each: all of it where that is nil.
type message map[protowire.Number]message

// pair is an entry of a map, of which all is decoded. The decoder takes a key that is said
// to be longer than its entry for part of what follows, which is something else after
// picking; so entries are looked at, too.
var pair = message{1: nil, 2: nil}

// fields are the same by the names they have in Go.
type fields map[string]message

// decoded is what is decoded of objects, by their kinds. Of other kinds all is.
var decoded = func() map[string]message {
	metadata := allBut[metav1.ObjectMeta]("ManagedFields") // one annotation says that a watch has caught up
	container := only[corev1.ContainerStatus](fields{
		"Name": nil, "Ready": nil, "State": nil, "RestartCount": nil,
		"LastTerminationState": only[corev1.ContainerState](fields{"Terminated": message{}}), // that there is one
	})
	// Of who has set which field, package guard reads who, and of a set's status when.
	written := with[metav1.ObjectMeta](metadata, fields{"ManagedFields": only[metav1.ManagedFieldsEntry](fields{"Manager": nil, "Time": nil, "Subresource": nil})})
	created := with[metav1.ObjectMeta](metadata, fields{"ManagedFields": only[metav1.ManagedFieldsEntry](fields{"Manager": nil, "Subresource": nil})})
	objects := map[string]message{
		"StatefulSet":        only[appsv1.StatefulSet](fields{"ObjectMeta": written, "Spec": nil, "Status": nil}),
		"ControllerRevision": only[appsv1.ControllerRevision](fields{"ObjectMeta": created, "Data": nil, "Revision": nil}),
		"Pod": only[corev1.Pod](fields{
			"ObjectMeta": created,
			"Spec": only[corev1.PodSpec](fields{
				"NodeName": nil, "Subdomain": nil, "TerminationGracePeriodSeconds": nil,
				"Volumes": only[corev1.Volume](fields{
					"Name": nil, "VolumeSource": only[corev1.VolumeSource](fields{"PersistentVolumeClaim": nil}),
				}),
			}),
			"Status": only[corev1.PodStatus](fields{
				"Phase": nil, "Reason": nil, "Message": nil, "Conditions": nil, "StartTime": nil,
				"ContainerStatuses": container, "InitContainerStatuses": container,
			}),
		}),
		"PersistentVolumeClaim": only[corev1.PersistentVolumeClaim](fields{
			"ObjectMeta": metadata,
			"Spec": only[corev1.PersistentVolumeClaimSpec](fields{
				"StorageClassName": nil, "VolumeName": nil, "VolumeAttributesClassName": nil,
				"Resources": only[corev1.VolumeResourceRequirements](fields{"Requests": pair}),
			}),
			"Status": only[corev1.PersistentVolumeClaimStatus](fields{
				"Phase": nil, "Capacity": pair, "Conditions": nil, "AllocatedResourceStatuses": pair,
				"CurrentVolumeAttributesClassName": nil, "ModifyVolumeStatus": nil,
			}),
		}),
		"Service": only[corev1.Service](fields{
			"ObjectMeta": allBut[metav1.ObjectMeta](), // whose a Service is, its managed fields tell
			"Spec":       only[corev1.ServiceSpec](fields{"ClusterIP": nil, "Selector": pair, "Ports": nil, "PublishNotReadyAddresses": nil}),
		}),
	}
	for kind, object := range maps.Clone(objects) {
		objects[kind+"List"] = only[corev1.PodList](fields{"ListMeta": nil, "Items": object}) // as all lists are
	}
	objects["PartialObjectMetadata"] = only[metav1.PartialObjectMetadata](fields{ // the answer to a write
		"ObjectMeta": only[metav1.ObjectMeta](fields{"UID": nil, "ResourceVersion": nil}),
	})
	return objects
}()

// only is a T of which these fields are decoded.
func only[T any](these fields) message { return with[T](message{}, these) }

// with is what is decoded of a T by of, and these fields besides.
func with[T any](of message, these fields) message {
	m := maps.Clone(of)
	for name, of := range these {
		m[numberOf[T](name)] = of
	}
	return m
}

// allBut is a T of which these fields are not decoded.
func allBut[T any](these ...string) message {
	m := message{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		switch {
		case slices.Contains(these, field.Name):
		case field.Type.Kind() == reflect.Map:
			m[numberOf[T](field.Name)] = pair
		default:
			m[numberOf[T](field.Name)] = nil
		}
	}
	return m
}

// numberOf is the number of a T's field, which its tag says: "bytes,17,rep,name=…".
func numberOf[T any](name string) protowire.Number {
	field, _ := reflect.TypeFor[T]().FieldByName(name)
	_, tag, _ := strings.Cut(field.Tag.Get("protobuf"), ",")
	digits, _, _ := strings.Cut(tag, ",")
	number, err := strconv.Atoi(digits)
	if err != nil {
		panic(fmt.Sprintf("%s.%s has no number in protocol buffers", reflect.TypeFor[T](), name))
	}
	return protowire.Number(number)
}

// pick appends to picked what is to be decoded of an encoded message. It returns false
// if the message is malformed.
func (m message) pick(picked, encoded []byte) (_ []byte, ok bool) {
	for len(encoded) > 0 {
		number, wireType, n := protowire.ConsumeField(encoded)
		if n < 0 {
			return nil, false
		}
		field := encoded[:n]
		encoded = encoded[n:]
		of, wanted := m[number]
		switch {
		case !wanted:
		case of == nil || wireType != protowire.BytesType:
			picked = append(picked, field...)
		default:
			if picked, ok = of.pickField(picked, field); !ok {
				return nil, false
			}
		}
	}
	return picked, true
}

// pickField is pick for a field that is a message itself. Its length comes before it,
// and is known after it.
func (m message) pickField(picked, field []byte) (_ []byte, ok bool) {
	_, _, n := protowire.ConsumeTag(field)
	encoded, _ := protowire.ConsumeBytes(field[n:])
	picked = append(picked, field[:n]...)
	start := len(picked)
	if picked, ok = m.pick(picked, encoded); !ok {
		return nil, false
	}
	return slices.Insert(picked, start, protowire.AppendVarint(nil, uint64(len(picked)-start))...), true
}

// magic is what objects in protocol buffers begin with.
var magic = []byte("k8s\x00")

// pickFrom is what is to be decoded of an encoded object, in the same form: all of what
// is of another kind, not in protocol buffers, or malformed, which the decoder tells.
func pickFrom(data []byte) []byte {
	envelope, is := bytes.CutPrefix(data, magic)
	var object runtime.Unknown
	if !is || object.Unmarshal(envelope) != nil {
		return data
	}
	of, known := decoded[object.Kind]
	if !known {
		return data
	}
	var ok bool
	if object.Raw, ok = of.pick(make([]byte, 0, len(object.Raw)/2), object.Raw); !ok {
		return data
	}
	picked := make([]byte, len(magic)+object.Size())
	copy(picked, magic)
	if _, err := object.MarshalTo(picked[len(magic):]); err != nil {
		return data
	}
	return picked
}

// Selective is a serializer that decodes of objects what is read.
func Selective(whole runtime.NegotiatedSerializer) runtime.NegotiatedSerializer {
	return picking{whole}
}

type picking struct{ runtime.NegotiatedSerializer }

// DecoderToVersion implements runtime.NegotiatedSerializer.
func (p picking) DecoderToVersion(serializer runtime.Decoder, version runtime.GroupVersioner) runtime.Decoder {
	return pickingDecoder{p.NegotiatedSerializer.DecoderToVersion(serializer, version)}
}

type pickingDecoder struct{ whole runtime.Decoder }

// Decode implements runtime.Decoder.
func (d pickingDecoder) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	return d.whole.Decode(pickFrom(data), defaults, into)
}
