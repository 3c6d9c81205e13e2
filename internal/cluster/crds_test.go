package cluster

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/fake"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"ordinal.dev/ordinal/internal/cluster/config"
)

func definition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	d, err := policyDefinition()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var established = []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}}

// extensions is an API server that serves at once what is accepted.
func extensions(objects ...runtime.Object) *fake.Clientset {
	client := fake.NewClientset(objects...)
	serve := func(action clienttesting.Action) (bool, runtime.Object, error) {
		stored := action.(clienttesting.CreateAction).GetObject().(*apiextensionsv1.CustomResourceDefinition)
		stored.Status.Conditions = established
		return false, nil, nil
	}
	client.PrependReactor("create", "customresourcedefinitions", serve)
	client.PrependReactor("update", "customresourcedefinitions", serve)
	return client
}

// served starts a cluster's policies, and returns how long that takes.
func served(t *testing.T, client *fake.Clientset, controller string) time.Duration {
	t.Helper()
	c := &Cluster{cfg: config.Config{StatefulSetController: controller}, log: logr.Discard()}
	start := time.Now()
	if err := c.servePolicies(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// writes are the verbs of what was asked of the API server but for reads.
func writes(client *fake.Clientset) (verbs []string) {
	for _, a := range client.Actions() {
		if !slices.Contains(read, a.GetVerb()) {
			verbs = append(verbs, a.GetVerb())
		}
	}
	return verbs
}

func TestPoliciesAreServedBeforeTheControllerStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := extensions()
		if took := served(t, client, config.Ordinal); took > 0 {
			t.Errorf("it took %s to see what was there at once", took)
		}
		if got := writes(client); !slices.Equal(got, []string{"create"}) {
			t.Errorf("it did %v", got)
		}
	})
}

func TestAnotherVersionsDefinitionIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := definition(t)
		old.Spec.Names.ShortNames = []string{"policy"}
		old.Labels = map[string]string{managedBy: "Helm"}
		old.Status.Conditions = established
		client := extensions(old)
		served(t, client, config.Ordinal)
		found, err := client.ApiextensionsV1().CustomResourceDefinitions().Get(t.Context(), old.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(found.Spec.Names.ShortNames, []string{"stsp"}) || found.Labels[managedBy] != "Helm" {
			t.Errorf("its short names are %v and its labels %v", found.Spec.Names.ShortNames, found.Labels)
		}
	})
}

func TestADefinitionThatIsAsItIsToBeIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := extensions()
		served(t, client, config.Ordinal)
		served(t, client, config.None)
		if got := writes(client); !slices.Equal(got, []string{"create"}) {
			t.Errorf("two starts did %v", got)
		}
	})
}

func TestADefinitionThatIsRefusedHoldsNoStartUpAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := extensions()
		refused := true
		client.PrependReactor("create", "customresourcedefinitions", func(clienttesting.Action) (bool, runtime.Object, error) {
			return refused, nil, errors.New("the webhook's pod does not run yet")
		})
		if took := served(t, client, config.Ordinal); took != servedWithin {
			t.Errorf("the start was held up for %s, not for %s", took, servedWithin)
		}
		synctest.Wait()
		refused = false
		time.Sleep(2 * tryAgain)
		if got := writes(client); !slices.Equal(got, []string{"create", "create"}) {
			t.Errorf("it did %v", got)
		}
	})
}

// Nobody would heed a policy there, and who writes one is to be told.
func TestThereAreNoPoliciesBesideTheInTreeController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := extensions()
		served(t, client, config.InTree)
		if got := client.Actions(); len(got) > 0 {
			t.Errorf("it did %v", got)
		}
	})
}
