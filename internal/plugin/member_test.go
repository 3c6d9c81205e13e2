package plugin

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// members is a cluster with a set of three pods, what was written to it, and a controller that
// sees policies at once, or never.
type members struct {
	*cluster
	set    *appsv1.StatefulSet
	writes []string
	blind  bool
	out    bytes.Buffer
}

func newMembers(t *testing.T, others ...client.Object) *members {
	t.Helper()
	replicas := int32(3)
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "uid-web", Generation: 4}, Spec: appsv1.StatefulSetSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
		},
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
	}}
	objects := append(others, set)
	for ordinal := range 3 {
		pod := identity.NewPod(set, &set.Spec.Template, "web-a", ordinal)
		pod.UID = types.UID("uid-" + pod.Name)
		claim := identity.NewClaim(set, &set.Spec.VolumeClaimTemplates[0], ordinal)
		claim.UID, claim.Spec.VolumeName = types.UID("uid-"+claim.Name), "pv-"+claim.Name
		claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
		objects = append(objects, pod, claim)
	}
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(all); err != nil {
			t.Fatal(err)
		}
	}
	m := &members{set: set}
	api := fake.NewClientBuilder().WithScheme(all).WithObjects(objects...).WithInterceptorFuncs(m.notes()).Build()
	m.cluster = &cluster{client: api, namespace: "shop"}
	return m
}

// notes note what is written, in the order of the writes.
func (m *members) notes() interceptor.Funcs {
	seen := func(o client.Object) {
		if policy, ok := o.(*v1alpha1.StatefulSetPolicy); ok {
			policy.Generation = 7 // as an API server counts, which a fake does not
		}
	}
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			m.writes = append(m.writes, "create "+o.GetName()+" "+o.GetAnnotations()[plan.RemovalAnnotation])
			defer seen(o)
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			data, err := p.Data(o)
			m.writes = append(m.writes, "patch "+o.GetName()+" "+string(data))
			if err != nil {
				return err
			}
			defer seen(o)
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			options := (&client.DeleteOptions{}).ApplyOptions(opts)
			m.writes = append(m.writes, "delete "+o.GetName()+" "+string(*options.Preconditions.UID))
			return nil
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, o, opts...)
			if policy, ok := o.(*v1alpha1.StatefulSetPolicy); ok && !m.blind {
				policy.Status.ObservedGeneration = 7
			}
			return err
		},
		SubResourcePatch: func(_ context.Context, _ client.Client, sub string, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
			data, err := p.Data(o)
			m.writes = append(m.writes, sub+" "+o.GetName()+" "+string(data))
			return err
		},
	}
}

func (m *members) env() Env { return Env{Out: &m.out, Err: &m.out, Program: "kubectl ordinal"} }

func (m *members) remove(t *testing.T, yes bool) error {
	t.Helper()
	r := removal{env: m.env(), cluster: m.cluster, timeout: 300 * time.Millisecond}
	return r.run(t.Context(), strings.NewReader(""), "pod/web-1", yes)
}

func (m *members) wrote(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(m.writes, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("written were\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func (m *members) says(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(m.out.String(), w) {
			t.Errorf("it says %q, and nothing of %q", m.out.String(), w)
		}
	}
}

const scaled = `scale web [{"op":"test","path":"/spec/replicas","value":3},{"op":"replace","path":"/spec/replicas","value":2}]`

func TestRemoveReservesAndThenScalesDown(t *testing.T) {
	m := newMembers(t)
	if err := m.remove(t, false); err != nil {
		t.Fatal(err)
	}
	m.wrote(t, `create web {"ordinals":["1"],"set":"uid-web","generation":4}`, scaled)
	m.says(t, "its claims stay", "data-web-1 (10Gi)", `spec.replicas: 2`, `spec.scaling.reservedOrdinals: ["1"]`)
}

func TestRemoveChangesThePolicyThatThereIs(t *testing.T) {
	policy := &v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "mine"}}
	policy.Spec.TargetRef.Name = "web"
	policy.Spec.Scaling = &v1alpha1.Scaling{ReservedOrdinals: []v1alpha1.OrdinalRange{"7"}}
	m := newMembers(t, policy)
	m.set.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/StatefulSet:shop/web"}
	if err := m.client.Update(t.Context(), m.set); err != nil {
		t.Fatal(err)
	}
	if err := m.remove(t, false); err != nil {
		t.Fatal(err)
	}
	if len(m.writes) != 2 || !strings.Contains(m.writes[0], `"reservedOrdinals":["7","1"]`) || !strings.Contains(m.writes[0], "resourceVersion") || m.writes[1] != scaled {
		t.Errorf("written were %v", m.writes)
	}
	m.says(t, "kept by Argo CD, as a part of application shop")
}

func TestRemoveScalesNothingBeforeTheControllerKnows(t *testing.T) {
	m := newMembers(t)
	m.blind = true
	if err := m.remove(t, false); err == nil || !strings.Contains(err.Error(), "has not seen policy web") {
		t.Errorf("err = %v", err)
	}
	m.wrote(t, `create web {"ordinals":["1"],"set":"uid-web","generation":4}`)
}

func TestRemoveAsksBeforeClaimsAreLost(t *testing.T) {
	m := newMembers(t)
	m.set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType}
	if err := m.client.Update(t.Context(), m.set); err != nil {
		t.Fatal(err)
	}
	if err := m.remove(t, false); err == nil || !strings.Contains(err.Error(), "add --yes") {
		t.Errorf("err = %v", err)
	}
	m.wrote(t)
	m.says(t, "whenScaled is Delete", "data-web-1 (10Gi)", "2 are not available")
	if err := m.remove(t, true); err != nil || len(m.writes) != 2 {
		t.Errorf("with --yes: %v, written were %v", err, m.writes)
	}
}

func TestRebuildDeletesTheClaimsAndThenThePod(t *testing.T) {
	kept := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-data-web-1"}}
	kept.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	m := newMembers(t, kept)
	if err := m.env().rebuild(t.Context(), m.cluster, strings.NewReader(""), "web-1", false); err == nil || !strings.Contains(err.Error(), "add --yes") {
		t.Errorf("err = %v", err)
	}
	m.wrote(t)
	if err := m.env().rebuild(t.Context(), m.cluster, strings.NewReader(""), "web-1", true); err != nil {
		t.Fatal(err)
	}
	m.wrote(t, "delete data-web-1 uid-data-web-1", "delete web-1 uid-web-1")
	m.says(t, "data-web-1 (10Gi), whose volume pv-data-web-1 is kept with the data")
}

func TestOnlyYesIsYes(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yessir\n": false} {
		m := newMembers(t)
		if err := m.env().ask(strings.NewReader(answer)); (err == nil) != want {
			t.Errorf("to %q: %v", answer, err)
		}
	}
}

func TestWhatIsOnItsWayIsNotRemoved(t *testing.T) {
	policy := &v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "mine"}}
	policy.Spec.TargetRef.Name = "web"
	policy.Spec.Scaling = &v1alpha1.Scaling{ReservedOrdinals: []v1alpha1.OrdinalRange{"0-1"}}
	m := newMembers(t, policy)
	if err := m.remove(t, true); err == nil || !strings.Contains(err.Error(), "ordinal 1 of StatefulSet web is reserved already") {
		t.Errorf("err = %v", err)
	}
	if _, err := m.memberOf(t.Context(), "db-0"); err == nil || apierrors.IsNotFound(err) {
		t.Errorf("err = %v", err)
	}
}
