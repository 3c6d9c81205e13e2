package install

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/internal/fence"
)

// installed is all that a chart and its controller make.
func installed(t *testing.T, renewed time.Time, r fence.Record) []client.Object {
	t.Helper()
	policy := fence.Policy()
	policy.Annotations = map[string]string{fence.NamespaceAnnotation: "ordinal-system", AccountAnnotation: "mine"}
	record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ordinal-system", Name: fence.RecordName}}
	if err := r.Write(record); err != nil {
		t.Fatal(err)
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "ordinal-system", Name: Controller}}
	lease.Spec.HolderIdentity, lease.Spec.RenewTime = ptr.To("a pod"), &metav1.MicroTime{Time: renewed}
	return []client.Object{policy, fence.Binding(), record, lease}
}

func read(t *testing.T, objects []client.Object, funcs interceptor.Funcs) *Installation {
	t.Helper()
	c := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).
		WithIndex(&corev1.ConfigMap{}, metav1.ObjectNameField, func(o client.Object) []string { return []string{o.GetName()} }).
		WithInterceptorFuncs(funcs).Build()
	i, err := Read(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestWhatMayBeTaken(t *testing.T) {
	now := time.Now()
	fenced := fence.Record{Mode: fence.Fenced}
	for _, test := range []struct {
		name    string
		objects func([]client.Object) []client.Object
		renewed time.Time
		record  fence.Record
		want    string // in the error, empty for none
	}{
		{"all is well", nil, now.Add(-2 * time.Second), fenced, ""},
		{"nothing is there", func([]client.Object) []client.Object { return nil }, now, fenced, "there is no Ordinal in this cluster; " + Hint},
		{"no policy", func(o []client.Object) []client.Object { return o[1:] }, now, fenced, "nothing keeps the in-tree controller out"},
		{"no binding", func(o []client.Object) []client.Object { return append(o[:1:1], o[2:]...) }, now, fenced, "nothing keeps the in-tree controller out"},
		{"the policy does not say where", func(o []client.Object) []client.Object {
			o[0].SetAnnotations(nil)
			return append(o[:2:2], o[3])
		}, now, fenced, "does not say in its annotation"},
		{"nobody has renewed the lease", nil, now.Add(-5 * time.Minute), fenced, "was renewed last 5m"},
		{"nobody holds the lease", func(o []client.Object) []client.Object {
			o[3].(*coordinationv1.Lease).Spec.HolderIdentity = ptr.To("")
			return o
		}, now, fenced, "nobody holds the lease ordinal-system/ordinal-controller"},
		{"no lease, of a controller without leader election", func(o []client.Object) []client.Object { return o[:3] }, now, fenced, ""},
		{"the whole cluster is taken", nil, now, fence.Record{Mode: fence.WholeCluster}, "all sets are Ordinal's without being taken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			objects := installed(t, test.renewed, test.record)
			if test.objects != nil {
				objects = test.objects(objects)
			}
			err := read(t, objects, interceptor.Funcs{}).MayTake(now)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestTheAccountIsThatOfThePolicy(t *testing.T) {
	i := read(t, installed(t, time.Now(), fence.Record{}), interceptor.Funcs{})
	if i.Account != "mine" || i.Namespace != "ordinal-system" || i.FenceDown() != "" {
		t.Errorf("got %+v", i)
	}
	if i := read(t, nil, interceptor.Funcs{}); i.Account != Controller || i.Here() {
		t.Errorf("without a policy: %+v", i)
	}
}

func TestAControllerWithoutAPolicyIsFoundByItsRecord(t *testing.T) {
	i := read(t, installed(t, time.Now(), fence.Record{Mode: fence.WholeCluster})[2:], interceptor.Funcs{})
	if i.Namespace != "ordinal-system" || !i.WholeCluster() || i.Renewed.IsZero() {
		t.Errorf("got %+v", i)
	}
}

func TestAChangedFenceIsDown(t *testing.T) {
	objects := installed(t, time.Now(), fence.Record{Mode: fence.WholeCluster})
	binding := fence.Binding()
	binding.Spec.ValidationActions = nil
	objects[1] = binding
	if down := read(t, objects, interceptor.Funcs{}).FenceDown(); !strings.Contains(down, "the binding fence.ordinal.dev is not as") {
		t.Errorf("got %q", down)
	}
}

func TestWhatMayNotBeReadIsUnknown(t *testing.T) {
	forbidden := interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if key.Namespace != "" {
			return apierrors.NewForbidden(schema.GroupResource{}, key.Name, errors.New("no"))
		}
		return c.Get(ctx, key, o, opts...)
	}}
	if i := read(t, installed(t, time.Now(), fence.Record{}), forbidden); i.Record != nil || i.Silent(time.Now()) != "" || !i.Here() {
		t.Errorf("got %+v", i)
	}
}

func TestAClusterWithoutPoliciesHasNone(t *testing.T) {
	old := interceptor.Funcs{Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
		return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "ValidatingAdmissionPolicy"}}
	}}
	if i := read(t, nil, old); i.Here() {
		t.Errorf("got %+v", i)
	}
}
