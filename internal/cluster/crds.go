package cluster

import (
	"context"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
	"ordinal.dev/ordinal/internal/cluster/config"
)

const (
	// servedWithin is how long a start waits until the API server serves policies. On two
	// busy cores that took 0.06 to 0.3 s at the first start, and 0.01 s at others. The
	// controller works without, as if there were none.
	servedWithin = 5 * time.Second
	// askServed is how often it asks for that.
	askServed = 20 * time.Millisecond
)

// servePolicies installs the definition of StatefulSetPolicy as this version has it, and
// waits a little until the API server serves it. Admission that refuses it now may accept
// it later, such as a webhook that runs in a pod: it holds no start up for long.
//
// Where the sets are the in-tree controller's, nobody would heed a policy, so there are
// none.
func (c *Cluster) servePolicies(ctx context.Context, client apiextensions.Interface) error {
	if c.cfg.StatefulSetController == config.InTree {
		return nil
	}
	definition, err := policyDefinition()
	if err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, servedWithin)
	defer cancel()
	installed := make(chan struct{})
	go func() {
		defer close(installed)
		c.untilDone(ctx, "CustomResourceDefinition "+definition.Name, func() error {
			return put(ctx, client.ApiextensionsV1().CustomResourceDefinitions(), definition,
				func(d *apiextensionsv1.CustomResourceDefinition) any { return d.Spec })
		})
	}()
	select {
	case <-installed:
	case <-soon.Done():
	}
	err = wait.PollUntilContextCancel(soon, askServed, true, func(ctx context.Context) (bool, error) {
		found, err := client.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, definition.Name, metav1.GetOptions{})
		return err == nil && apihelpers.IsCRDConditionTrue(found, apiextensionsv1.Established), nil
	})
	if err != nil {
		c.log.Error(err, "policies are not served yet, and StatefulSets run without", "definition", definition.Name)
	}
	return ctx.Err()
}

// policyDefinition is the definition, with the defaults that the API server would add.
func policyDefinition() (*apiextensionsv1.CustomResourceDefinition, error) {
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(crd.StatefulSetPolicies, definition); err != nil {
		return nil, err
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&definition.Spec)
	return definition, nil
}
