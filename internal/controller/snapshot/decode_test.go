package snapshot

import (
	"bytes"
	"math/rand"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/meta"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
)

// wire is how objects come, and two ways to decode them: as a whole, and as the
// controller does.
type wire struct {
	scheme        *runtime.Scheme
	codecs        serializer.CodecFactory
	encoder       runtime.Encoder
	whole, picked runtime.Decoder
}

func newWire(t testing.TB) *wire {
	t.Helper()
	scheme, err := kinds.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme)
	info, _ := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	return &wire{
		scheme: scheme, codecs: codecs,
		encoder: codecs.WithoutConversion().EncoderForVersion(info.Serializer, nil),
		whole:   codecs.WithoutConversion().DecoderToVersion(info.Serializer, nil),
		picked:  picking{codecs.WithoutConversion()}.DecoderToVersion(info.Serializer, nil),
	}
}

func (w *wire) encoded(t testing.TB, object runtime.Object) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := w.encoder.Encode(object, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// each does something to an object, or to those of a list.
func each(t *testing.T, object runtime.Object, do func(client.Object) error) {
	t.Helper()
	err := meta.EachListItem(object, func(o runtime.Object) error { return do(o.(client.Object)) })
	if !meta.IsListType(object) {
		err = do(object.(client.Object))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cached is what the caches keep of an object, or of those of a list.
func cached(t *testing.T, object runtime.Object) runtime.Object {
	t.Helper()
	each(t, object, func(o client.Object) error {
		strip(o)
		return nil
	})
	return object
}

// The caches keep of an object the same whether all of it was decoded or what is read.
func TestWhatIsNotDecodedWouldNotBeCached(t *testing.T) {
	const rounds = 100
	w := newWire(t)
	random := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(1), w.codecs)
	for _, kind := range []string{"StatefulSet", "ControllerRevision", "Pod", "PersistentVolumeClaim", "Service"} {
		for _, object := range []string{kind, kind + "List"} {
			for range rounds {
				original := w.random(t, object, random.Fill)
				data := w.encoded(t, original)
				whole, _, err := w.whole.Decode(data, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				picked, _, err := w.picked.Decode(data, nil, nil)
				if err != nil {
					t.Fatalf("%s: %v", object, err)
				}
				if diff := cmp.Diff(cached(t, whole), cached(t, picked)); diff != "" {
					t.Fatalf("%s is cached differently (-whole +picked):\n%s", object, diff)
				}
			}
		}
	}
}

// random is an object of a kind with random contents, of which all that the caches
// keep of a member is kept.
func (w *wire) random(t *testing.T, kind string, fill func(any)) runtime.Object {
	t.Helper()
	for gvk := range w.scheme.AllKnownTypes() {
		if gvk.Kind == kind {
			object, err := w.scheme.New(gvk)
			if err != nil {
				t.Fatal(err)
			}
			fill(object)
			each(t, object, func(o client.Object) error {
				o.SetName("web-0")
				return nil
			})
			return object
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}

func TestMostOfAPodIsNotDecoded(t *testing.T) {
	w := newWire(t)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-0", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
			ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: "kubelet", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &metav1.Time{},
				Subresource: "status", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"),
			}},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app"}},
			Volumes: []corev1.Volume{
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-web-0"}}},
				{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1",
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: true, Image: "app:1"}},
		},
	}
	got, _, err := w.picked.Decode(w.encoded(t, pod), nil, &corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	want := pod.DeepCopy()
	want.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet", Subresource: "status"}}
	want.Spec.Containers = nil
	want.Spec.Volumes[1].EmptyDir = nil
	want.Status.PodIP, want.Status.ContainerStatuses[0].Image = "", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Random managers are no controllers.
func TestWhoElseActsOnASetIsDecoded(t *testing.T) {
	w, at := newWire(t), metav1.Unix(1, 0)
	set, pod := web(3), identity.NewPod(web(3), &web(3).Spec.Template, "web-1", 0)
	for subresource, object := range map[string]client.Object{"status": set, "": pod} {
		object.SetManagedFields([]metav1.ManagedFieldsEntry{{
			Manager: "intree", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &at,
			Subresource: subresource, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"),
		}})
	}
	for _, object := range []client.Object{set, pod} {
		picked, _, err := w.picked.Decode(w.encoded(t, object), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, got := stripped(object).GetManagedFields(), stripped(picked.(client.Object)).GetManagedFields()
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 1 {
			t.Errorf("%T (-want +got):\n%s", object, diff)
		}
	}
}

func TestOfOtherKindsAllIsDecoded(t *testing.T) {
	w := newWire(t)
	status := &metav1.Status{Reason: metav1.StatusReasonConflict, Message: "changed"}
	got, _, err := w.picked.Decode(w.encoded(t, status), nil, nil)
	if diff := cmp.Diff(status, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// FuzzPicking takes any bytes: what can be decoded as a whole can be picked from, and
// is then cached as it would have been.
func FuzzPicking(f *testing.F) {
	w := newWire(f)
	pod := orphan(0)
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1("{}")}}
	f.Add(w.encoded(f, pod))
	f.Add(w.encoded(f, &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []corev1.Pod{*pod, *pod}}))
	f.Add(w.encoded(f, web(3)))
	f.Add([]byte(`{"kind":"Status","apiVersion":"v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, _, err := w.whole.Decode(bytes.Clone(data), nil, nil)
		if err != nil {
			return
		}
		picked, _, err := w.picked.Decode(data, nil, nil)
		if err != nil {
			t.Fatalf("decoded as a whole, and not after picking: %v", err)
		}
		if _, is := decoded[reflect.TypeOf(whole).Elem().Name()]; !is {
			return
		}
		if diff := cmp.Diff(cached(t, whole), cached(t, picked)); diff != "" {
			t.Errorf("cached differently (-whole +picked):\n%s", diff)
		}
	})
}
