package preflight

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/terminal"
)

// world is a cluster with an in-tree controller, and an API server whose policies come
// into force late.
type world struct {
	client.Client
	account client.Client
	late    time.Duration // after which a binding counts, and does no more
	// asAccount is whether the in-tree controller acts as its account; there is whether
	// there is one.
	asAccount, there bool
	denied           string          // a right that the person lacks, "create namespaces"
	broken           string          // a kind that cannot be deleted
	changed          time.Time       // when the binding came or went last
	bound            bool            // there is a binding
	onSet            func(time.Time) // called when the set is made
}

func newWorld() *world {
	w := &world{late: 700 * time.Millisecond, asAccount: true, there: true}
	base := fake.NewClientBuilder().WithScheme(scheme.Scheme).Build()
	w.Client = interceptor.NewClient(base, interceptor.Funcs{Create: w.create, Delete: w.delete, Patch: w.patch})
	w.account = interceptor.NewClient(base, interceptor.Funcs{Create: w.createAsAccount})
	return w
}

func (w *world) inForce() bool {
	if time.Since(w.changed) < w.late {
		return !w.bound
	}
	return w.bound
}

func (w *world) create(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	switch o := o.(type) {
	case *authorizationv1.SelfSubjectAccessReview:
		a := o.Spec.ResourceAttributes
		o.Status.Allowed = a.Verb+" "+a.Resource != w.denied
		return nil
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		w.bound, w.changed = true, time.Now()
	case *appsv1.StatefulSet:
		defer w.reconcile(ctx, c, o.Namespace)
		if w.onSet != nil {
			w.onSet(time.Now())
		}
	}
	return c.Create(ctx, o, opts...)
}

func (w *world) delete(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := o.(*admissionv1.ValidatingAdmissionPolicyBinding); ok {
		w.bound, w.changed = false, time.Now()
	}
	if resourceOf(o) == w.broken {
		return apierrors.NewInternalError(errors.New("the webhook does not answer"))
	}
	return c.Delete(ctx, o, opts...)
}

// patch is what a person touches a set with. The in-tree controller looks at it then, and
// not before: it has been refused too often.
func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	defer w.reconcile(ctx, c, o.GetNamespace())
	return c.Patch(ctx, o, p, opts...)
}

func (w *world) reconcile(ctx context.Context, c client.Client, namespace string) {
	if !w.there || w.asAccount && w.inForce() {
		return
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "probe-0", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager"}}}
	_ = c.Create(ctx, &corev1.Pod{ObjectMeta: meta})
	meta.Name = "probe-1"
	_ = c.Create(ctx, &appsv1.ControllerRevision{ObjectMeta: meta})
}

func (w *world) createAsAccount(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	if !w.inForce() {
		return nil
	}
	var policies admissionv1.ValidatingAdmissionPolicyList
	if err := c.List(ctx, &policies); err != nil {
		return err
	}
	return apierrors.NewForbidden(corev1.Resource("pods"), "", errors.New("ValidatingAdmissionPolicy '"+policies.Items[0].Name+"' denied request"))
}

// left is what is in the cluster that a trial could have made.
func (w *world) left(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, list := range []client.ObjectList{&corev1.NamespaceList{}, &admissionv1.ValidatingAdmissionPolicyList{}, &admissionv1.ValidatingAdmissionPolicyBindingList{}} {
		if err := w.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for _, o := range objectsOf(list) {
			all = append(all, resourceOf(o)+"/"+o.GetName())
		}
	}
	return all
}

func (w *world) trial(out *bytes.Buffer) *Trial {
	return &Trial{
		Client: w, Account: w.account, Screen: terminal.New(out), Patience: 20 * time.Second,
		Server: func() (string, bool, error) { return "v1.37.2", true, nil },
	}
}

func TestTrialsTellClustersApart(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*world)
		want   string
	}{
		{"the fence holds", func(*world) {}, Holds},
		{"the in-tree controller acts as somebody else", func(w *world) { w.asAccount = false }, OtherAccount},
		{"there is none", func(w *world) { w.there = false }, NoController},
		{"the policy is never in force", func(w *world) { w.late = time.Hour }, NotInForce},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, out := newWorld(), &bytes.Buffer{}
				test.change(w)
				verdict, err := w.trial(out).Run(t.Context())
				if err != nil || verdict.Result != test.want {
					t.Errorf("got %+v, %v", verdict, err)
				}
				if left := w.left(t); len(left) > 0 {
					t.Errorf("left behind: %s\n%s", left, out)
				}
			})
		})
	}
}

func TestTheSetComesOnlyOnceEveryProbeWasRefusedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(), time.Now()
		w.late = 3 * time.Second
		w.onSet = func(at time.Time) {
			if passed := at.Sub(began); passed < w.late+5*time.Second {
				t.Errorf("the set was made after %s", passed)
			}
		}
		if _, err := w.trial(&bytes.Buffer{}).Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAnInterruptedTrialCleansUp(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 8 * time.Second, 17 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.there = false
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			if _, err := w.trial(&bytes.Buffer{}).Run(ctx); err == nil || !strings.Contains(err.Error(), "interrupted") {
				t.Errorf("after %s: %v", after, err)
			}
			if left := w.left(t); len(left) > 0 {
				t.Errorf("after %s, left behind: %s", after, left)
			}
		})
	}
}

func TestWhatCannotBeCleanedUpIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.broken = "namespace"
		_, err := w.trial(&bytes.Buffer{}).Run(t.Context())
		left := w.left(t)
		if err == nil || len(left) != 1 || !strings.Contains(err.Error(), "kubectl delete "+left[0]+" (") {
			t.Errorf("left %s, and said %v", left, err)
		}
	})
}

func TestATrialWithoutRightsMakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.denied = "impersonate serviceaccounts"
		_, err := w.trial(&bytes.Buffer{}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "impersonate serviceaccounts/"+fence.AccountName+" -n kube-system") {
			t.Errorf("got %v", err)
		}
		if left := w.left(t); len(left) > 0 {
			t.Errorf("left behind: %s", left)
		}
	})
}

func TestATrialRemovesWhatAnEarlierOneLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for name, age := range map[string]time.Duration{"ordinal-preflight-old": forgotten + time.Minute, "ordinal-preflight-new": time.Minute} {
			n := namespace()
			n.GenerateName, n.Name, n.CreationTimestamp = "", name, metav1.NewTime(time.Now().Add(-age))
			if err := w.Create(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.trial(&bytes.Buffer{}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := strings.Join(w.left(t), " "); left != "namespace/ordinal-preflight-new" {
			t.Errorf("left are %s", left)
		}
	})
}
