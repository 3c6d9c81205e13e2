package handover

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/install"
	"ordinal.dev/ordinal/internal/plugin/terminal"
)

const (
	system = "ordinal-system"
	// proof is how long the controller of these tests takes to prove the fence, leaving how
	// long to take back what it has set.
	proof, leaving = 10 * time.Second, 3 * time.Second
)

// world is a cluster with a controller, which answers when its record is read.
type world struct {
	client.Client
	out     bytes.Buffer
	changed map[string]time.Time // when a namespace was written last
	deaf    bool                 // the controller sees nothing
	stopped string               // why it has stopped
	only    string               // the namespace in which it has; empty for all
	denied  string               // a right that the person lacks
	touched []string             // sets that were written
	race    func()               // called once before a namespace is written
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{changed: map[string]time.Time{}}
	policy, binding := fence.Policy(), fence.Binding()
	policy.Annotations = map[string]string{fence.NamespaceAnnotation: system}
	objects = append(objects, policy, binding, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: install.Writes}})
	base := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).
		WithIndex(&corev1.ConfigMap{}, metav1.ObjectNameField, func(o client.Object) []string { return []string{o.GetName()} }).Build()
	w.Client = interceptor.NewClient(base, interceptor.Funcs{Get: w.get, Create: w.create, Patch: w.patch})
	return w
}

func (w *world) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	config, ok := o.(*corev1.ConfigMap)
	if !ok || key.Name != fence.RecordName {
		return c.Get(ctx, key, o, opts...)
	}
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces); err != nil {
		return err
	}
	r := fence.Record{Mode: fence.Fenced}
	for i := range namespaces.Items {
		if n, has := w.said(&namespaces.Items[i]); has {
			r.Namespaces = append(r.Namespaces, n)
		}
	}
	return r.Write(config)
}

func (w *world) said(n *corev1.Namespace) (fence.NamespaceRecord, bool) {
	charge, since := fence.ChargeOf(n), time.Since(w.changed[n.Name])
	said := fence.NamespaceRecord{Name: n.Name, Sets: charge.Sets(), State: fence.Proving}
	if since >= proof {
		said.State = fence.Acting
	}
	if gone := n.Annotations[fence.LeavingAnnotation]; gone != "" {
		said.State = fence.Acting
		if since >= leaving {
			said.Left = strings.Split(gone, ",")
		}
	}
	if w.stopped != "" && (w.only == "" || w.only == n.Name) {
		said.Left, said.State, said.Why = nil, fence.Stopped, w.stopped
	}
	return said, charge.Fenced() && !w.deaf
}

func (w *world) create(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	if review, ok := o.(*authorizationv1.SelfSubjectAccessReview); ok {
		a := review.Spec.ResourceAttributes
		// The chart's role for its last hook allows to delete one RoleBinding by its name.
		review.Status.Allowed = a.Verb+" "+a.Resource != w.denied && (a.Verb != "delete" || a.Name == install.Binding)
		return nil
	}
	return c.Create(ctx, o, opts...)
}

func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	switch o.(type) {
	case *corev1.Namespace:
		w.changed[o.GetName()] = time.Now()
		if race := w.race; race != nil {
			w.race = nil
			race()
		}
	case *appsv1.StatefulSet:
		w.touched = append(w.touched, o.GetName())
	}
	return c.Patch(ctx, o, p, opts...)
}

// handover is one that begins now, and waits for a minute.
func (w *world) handover(t *testing.T) (context.Context, *Handover) {
	t.Helper()
	i, err := install.Read(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, &Handover{Client: w, Installation: i, Screen: terminal.New(&w.out)}
}

func (w *world) take(t *testing.T, targets ...Target) error {
	t.Helper()
	ctx, h := w.handover(t)
	if err := h.Check(ctx, targets); err != nil {
		return err
	}
	return h.Take(ctx, targets)
}

func (w *world) giveBack(t *testing.T, now bool, targets ...Target) error {
	t.Helper()
	ctx, h := w.handover(t)
	return h.GiveBack(ctx, targets, now)
}

// says is what a namespace says, and whether the controller may write there.
func (w *world) says(t *testing.T, name string) string {
	t.Helper()
	n := &corev1.Namespace{}
	if err := w.Client.Get(t.Context(), types.NamespacedName{Name: name}, n); err != nil {
		t.Fatal(err)
	}
	words := []string{n.Labels[fence.Label]}
	for _, key := range []string{fence.SetsAnnotation, fence.ClaimsAnnotation, fence.LeavingAnnotation} {
		if value, has := n.Annotations[key]; has {
			words = append(words, strings.TrimPrefix(key, "ordinal.dev/")+"="+value)
		}
	}
	b := &rbacv1.RoleBinding{}
	if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: name, Name: install.Binding}, b); err == nil {
		words = append(words, "bound to "+b.Subjects[0].Namespace+"/"+b.Subjects[0].Name)
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

func namespace(name, label string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if label != "" {
		n.Labels = map[string]string{fence.Label: label}
	}
	return n
}

func setIn(namespace, name string, pods int32) *appsv1.StatefulSet {
	s := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
	s.Status.Replicas, s.Status.ReadyReplicas = pods, pods
	return s
}
