package handover

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/install"
)

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
		{"another RoleBinding of that name", func(t *testing.T, w *world) {
			other := roleBinding("db", &install.Installation{Namespace: system, Account: install.Controller})
			other.RoleRef.Name = "view"
			if err := w.Create(t.Context(), other); err != nil {
				t.Fatal(err)
			}
		}, Target{Namespace: "db"}, "is for ClusterRole view"},
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
				if got := w.says(t, "db"); strings.HasPrefix(got, fence.Ordinal) {
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
			[]string{"the policy is changed", "stays Ordinal's", "--now"}},
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

func TestOneThatIsStoppedDoesNotHoldTheOthersUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, namespace("ours", fence.Ordinal), namespace("stuck", fence.Ordinal))
		w.stopped, w.only = "the RoleBinding is missing", "stuck"
		err := w.giveBack(t, false, Target{Namespace: "stuck"}, Target{Namespace: "ours"})
		if err == nil || !strings.Contains(err.Error(), "namespace stuck: the controller has stopped") {
			t.Errorf("got %v", err)
		}
		if ours, stuck := w.says(t, "ours"), w.says(t, "stuck"); ours != "" || !strings.HasPrefix(stuck, fence.Ordinal) {
			t.Errorf("namespace ours says %q, and stuck %q", ours, stuck)
		}
	})
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
