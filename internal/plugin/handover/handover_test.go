package handover

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	if w.stopped != "" {
		said.Left, said.State, said.Why = nil, fence.Stopped, w.stopped
	}
	return said, charge.Fenced() && !w.deaf
}

func (w *world) create(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	if review, ok := o.(*authorizationv1.SelfSubjectAccessReview); ok {
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = a.Verb+" "+a.Resource != w.denied
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

const bound = " bound to ordinal-system/ordinal-controller"

func TestTakingWaitsUntilTheControllerActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(t, namespace("db", ""), namespace("cache", "")), time.Now()
		if err := w.take(t, Target{Namespace: "db"}, Target{Namespace: "cache"}); err != nil {
			t.Fatal(err)
		}
		if passed := time.Since(began); passed < proof {
			t.Errorf("done after %s, before the fence was proven", passed)
		}
		if db, cache := w.says(t, "db"), w.says(t, "cache"); db != "ordinal"+bound || cache != db {
			t.Errorf("db says %q, cache %q", db, cache)
		}
		if !strings.Contains(w.out.String(), "the fence is being proven") || !strings.Contains(w.out.String(), "✓ namespace db: Ordinal acts") {
			t.Errorf("said:\n%s", &w.out)
		}
	})
}

func TestSetsAreTakenAndGivenBackOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, namespace("shop", ""), setIn("shop", "web", 1), setIn("shop", "api", 1))
		web, api := Target{Namespace: "shop", Sets: []string{"web"}}, Target{Namespace: "shop", Sets: []string{"api"}}
		steps := []struct {
			do   func(*testing.T, ...Target) error
			what Target
			want string
		}{
			{w.take, web, "ordinal-sets sets=web set-claims=data-web" + bound},
			{w.take, api, "ordinal-sets sets=api,web set-claims=data-api,data-web" + bound},
			{func(t *testing.T, ts ...Target) error { return w.giveBack(t, false, ts...) }, web, "ordinal-sets sets=api set-claims=data-api" + bound},
			{func(t *testing.T, ts ...Target) error { return w.giveBack(t, false, ts...) }, api, ""},
		}
		for i, step := range steps {
			if err := step.do(t, step.what); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			if got := w.says(t, "shop"); got != step.want {
				t.Errorf("step %d: the namespace says %q, want %q", i, got, step.want)
			}
		}
	})
}

func TestASetThatIsGoneIsGivenBackWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := namespace("shop", fence.OrdinalSets)
		shop.Annotations = map[string]string{fence.SetsAnnotation: "gone,web", fence.ClaimsAnnotation: "data-gone,data-web"}
		w, began := newWorld(t, shop, setIn("shop", "web", 1)), time.Now()
		w.stopped = "and would be waited for"
		if err := w.giveBack(t, false, Target{Namespace: "shop", Sets: []string{"gone"}}); err != nil || time.Since(began) > 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if got := w.says(t, "shop"); got != "ordinal-sets sets=web set-claims=data-web" {
			t.Errorf("the namespace says %q", got)
		}
	})
}

func TestWhatAnotherListsMeanwhileIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, namespace("shop", ""), setIn("shop", "web", 1), setIn("shop", "api", 1))
		w.race = func() {
			n := &corev1.Namespace{}
			if err := w.Get(t.Context(), types.NamespacedName{Name: "shop"}, n); err != nil {
				t.Fatal(err)
			}
			n.Labels = map[string]string{fence.Label: fence.OrdinalSets}
			n.Annotations = map[string]string{fence.SetsAnnotation: "api", fence.ClaimsAnnotation: "data-api"}
			if err := w.Update(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.take(t, Target{Namespace: "shop", Sets: []string{"web"}}); err != nil {
			t.Fatal(err)
		}
		if got := w.says(t, "shop"); !strings.Contains(got, "sets=api,web") {
			t.Errorf("the namespace says %q", got)
		}
	})
}

func TestGivingBackWaitsForTheControllerToTakeItsConditionsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(t, namespace("db", fence.Ordinal), setIn("db", "quiet", 1), setIn("db", "rolling", 0)), time.Now()
		if err := w.giveBack(t, false, Target{Namespace: "db"}); err != nil {
			t.Fatal(err)
		}
		if passed := time.Since(began); passed < leaving {
			t.Errorf("done after %s, before the controller was", passed)
		}
		if got := w.says(t, "db"); got != "" {
			t.Errorf("the namespace says %q", got)
		}
		if !slices.Equal(w.touched, []string{"rolling", "rolling"}) {
			t.Errorf("to wake the in-tree controller, these sets were touched: %q", w.touched)
		}
	})
}

func TestARoleBindingOfAChartStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs := roleBinding("db", &install.Installation{Namespace: system, Account: install.Controller})
		theirs.Labels[managedBy] = "Helm"
		w := newWorld(t, namespace("db", fence.Ordinal), theirs)
		if err := w.giveBack(t, false, Target{Namespace: "db"}); err != nil {
			t.Fatal(err)
		}
		if got := w.says(t, "db"); got != strings.TrimSpace(bound) || !strings.Contains(w.out.String(), `stays, since "Helm" manages it`) {
			t.Errorf("the namespace says %q; said:\n%s", got, &w.out)
		}
	})
}

func TestWhatCannotBeTakenIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *world)
		target Target
		want   string
	}{
		{"no such namespace", nil, Target{Namespace: "none"}, "there is no namespace none"},
		{"no such set", nil, Target{Namespace: "db", Sets: []string{"web"}}, "there is no StatefulSet web in namespace db"},
		{"opted out", nil, Target{Namespace: "legacy"}, "kubectl label namespace legacy " + fence.Label + "-"},
		{"no right", func(_ *testing.T, w *world) { w.denied = "patch namespaces" }, Target{Namespace: "db"}, "patch namespaces/db"},
		{"no role", func(t *testing.T, w *world) {
			if err := w.Delete(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: install.Writes}}); err != nil {
				t.Fatal(err)
			}
		}, Target{Namespace: "db"}, "there is no ClusterRole " + install.Writes},
		{"no fence", func(t *testing.T, w *world) {
			if err := w.Delete(t.Context(), fence.Binding()); err != nil {
				t.Fatal(err)
			}
		}, Target{Namespace: "db"}, "the binding fence.ordinal.dev is not there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, namespace("db", ""), namespace("legacy", fence.InTree))
				if test.change != nil {
					test.change(t, w)
				}
				if err := w.take(t, test.target); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %q in it", err, test.want)
				}
				if got := w.says(t, "db"); got != "" {
					t.Errorf("the namespace says %q", got)
				}
			})
		})
	}
}

func TestWhatDoesNotComeToAnEndSaysWhy(t *testing.T) {
	db := Target{Namespace: "db"}
	for _, test := range []struct {
		name   string
		change func(*world)
		do     func(*testing.T, *world) error
		want   []string
	}{
		{"taken, and nobody sees it", func(w *world) { w.deaf = true },
			func(t *testing.T, w *world) error { return w.take(t, db) }, []string{"not done after 1m0s", "has not seen the label yet"}},
		{"taken, and stopped", func(w *world) { w.stopped = "the policy is changed" },
			func(t *testing.T, w *world) error { return w.take(t, db) }, []string{"the controller has stopped: the policy is changed"}},
		{"given back, and stopped", func(w *world) { w.stopped = "the policy is changed" },
			func(t *testing.T, w *world) error { return w.giveBack(t, false, Target{Namespace: "ours"}) },
			[]string{"the policy is changed", "Still Ordinal's: namespace ours", "--now"}},
		{"one of all", nil, func(t *testing.T, w *world) error {
			return w.giveBack(t, false, Target{Namespace: "ours", Sets: []string{"web"}})
		}, []string{"give back the namespace, and take those that are to stay by sts/NAME"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, namespace("db", ""), namespace("ours", fence.Ordinal))
				if test.change != nil {
					test.change(w)
				}
				err := test.do(t, w)
				for _, want := range test.want {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("got %v, want %q in it", err, want)
					}
				}
				if got := w.says(t, "ours"); !strings.HasPrefix(got, fence.Ordinal) {
					t.Errorf("namespace ours says %q", got)
				}
			})
		})
	}
}

func TestWithoutAControllerGivingBackIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, namespace("db", fence.Ordinal))
		if err := w.Delete(t.Context(), fence.Policy()); err != nil {
			t.Fatal(err)
		}
		ctx, h := w.handover(t)
		h.Installation.Namespace = ""
		err := h.GiveBack(ctx, []Target{{Namespace: "db"}}, false)
		if err == nil || !strings.Contains(err.Error(), "there is no controller in this cluster") || !strings.Contains(err.Error(), "--now") {
			t.Errorf("got %v", err)
		}
		if got := w.says(t, "db"); got != fence.Ordinal {
			t.Errorf("the namespace says %q", got)
		}
		if err := h.GiveBack(ctx, []Target{{Namespace: "db"}}, true); err != nil {
			t.Error(err)
		}
		if got := w.says(t, "db"); got != "" {
			t.Errorf("the namespace says %q", got)
		}
	})
}

func TestAllIsEveryNamespaceThatIsOrdinals(t *testing.T) {
	w := newWorld(t, namespace("db", fence.Ordinal), namespace("shop", fence.OrdinalSets), namespace("legacy", fence.InTree), namespace("default", ""))
	targets, err := All(t.Context(), w)
	if err != nil || len(targets) != 2 || targets[0].Namespace != "db" || targets[1].Namespace != "shop" {
		t.Errorf("got %v, %v", targets, err)
	}
}

func TestARoleBindingOfAnotherRoleIsNotOurs(t *testing.T) {
	other := roleBinding("db", &install.Installation{Namespace: system, Account: install.Controller})
	other.RoleRef.Name = "view"
	w := newWorld(t, other)
	wanted := roleBinding("db", &install.Installation{Namespace: system, Account: install.Controller})
	if err := bind(t.Context(), w, wanted); err == nil || apierrors.IsAlreadyExists(err) || !strings.Contains(err.Error(), "is for ClusterRole view") {
		t.Errorf("got %v", err)
	}
}
