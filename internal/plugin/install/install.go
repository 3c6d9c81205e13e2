package install

import (
	"cmp"
	"context"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
)

const (
	// Controller is the name of the controller's account where the policy does not give
	// another, and that of its lease.
	Controller = "ordinal-controller"
	// AccountAnnotation is where the policy says which account the controller runs as.
	AccountAnnotation = "ordinal.dev/controller-service-account"
	// Writes is the ClusterRole of what the controller writes, and Binding that of the
	// RoleBinding which gives it that in a namespace.
	Writes, Binding = "ordinal-controller-writes", "ordinal-controller"
)

// Hint is how to install it.
const Hint = "install it with: helm install ordinal charts/ordinal -n ordinal-system --create-namespace"

// An Installation is what there is of Ordinal in a cluster.
type Installation struct {
	Namespace string        // the controller's; empty if it is not known
	Account   string        // its ServiceAccount's name
	Record    *fence.Record // what it says of itself; nil if that cannot be read, or is not there
	Policy    Part          // of the fence
	Binding   Part
	Renewed   time.Time // when the controller that leads said so last; zero if that is not known
	Released  bool      // there is a lease, and nobody holds it
}

// A Part of the fence is there, and as it must be, or not.
type Part struct{ There, Changed bool }

// Read finds out.
func Read(ctx context.Context, reader client.Reader) (*Installation, error) {
	i := &Installation{Account: Controller}
	policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
	err := get(ctx, reader, types.NamespacedName{Name: fence.Name}, policy, &i.Policy.There)
	if err != nil {
		return nil, err
	}
	if err := get(ctx, reader, types.NamespacedName{Name: fence.Name}, binding, &i.Binding.There); err != nil {
		return nil, err
	}
	i.Policy.Changed = i.Policy.There && !equality.Semantic.DeepEqual(policy.Spec, fence.Policy().Spec)
	i.Binding.Changed = i.Binding.There && !equality.Semantic.DeepEqual(binding.Spec, fence.Binding().Spec)
	i.Namespace = policy.Annotations[fence.NamespaceAnnotation]
	i.Account = cmp.Or(policy.Annotations[AccountAnnotation], Controller)
	if err := i.readRecord(ctx, reader); err != nil {
		return nil, err
	}
	return i, i.readLease(ctx, reader)
}

// get reports whether an object is there, in a cluster that may not serve its kind.
func get(ctx context.Context, reader client.Reader, key types.NamespacedName, object client.Object, there *bool) error {
	err := reader.Get(ctx, key, object)
	*there = err == nil
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("this user may not see whether Ordinal is installed; ask an administrator of the cluster for: get validatingadmissionpolicies and validatingadmissionpolicybindings of the name %s", fence.Name)
	}
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) || runtime.IsNotRegisteredError(err) {
		return nil
	}
	return err
}

// readRecord reads what the controller says. Without a policy, any namespace may be its.
func (i *Installation) readRecord(ctx context.Context, reader client.Reader) error {
	if i.Namespace == "" {
		return i.findRecord(ctx, reader)
	}
	config := &corev1.ConfigMap{}
	err := reader.Get(ctx, types.NamespacedName{Namespace: i.Namespace, Name: fence.RecordName}, config)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return err
	}
	i.Record, err = fence.ReadRecord(config)
	return err
}

func (i *Installation) findRecord(ctx context.Context, reader client.Reader) error {
	var found corev1.ConfigMapList
	err := reader.List(ctx, &found, client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(metav1.ObjectNameField, fence.RecordName)})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil || len(found.Items) == 0 {
		return err
	}
	i.Namespace = found.Items[0].Namespace
	i.Record, err = fence.ReadRecord(&found.Items[0])
	return err
}

func (i *Installation) readLease(ctx context.Context, reader client.Reader) error {
	if i.Namespace == "" {
		return nil
	}
	lease := &coordinationv1.Lease{}
	err := reader.Get(ctx, types.NamespacedName{Namespace: i.Namespace, Name: Controller}, lease)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return err
	}
	if lease.Spec.RenewTime != nil {
		i.Renewed = lease.Spec.RenewTime.Time
	}
	i.Released = lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == ""
	return nil
}

// silence is for how long a lease is not renewed before its holder counts as gone: it is
// renewed every two seconds, and the clocks of two machines may differ.
const silence = time.Minute

// Silent says that no controller is at work; empty where one is, or that is not known.
func (i *Installation) Silent(now time.Time) string {
	switch {
	case i.Released:
		return fmt.Sprintf("no controller is at work: nobody holds the lease %s/%s", i.Namespace, Controller)
	case i.Renewed.IsZero() || now.Sub(i.Renewed) < silence:
		return ""
	}
	return fmt.Sprintf("no controller is at work: the lease %s/%s was renewed last %s ago", i.Namespace, Controller, now.Sub(i.Renewed).Round(time.Second))
}

// Here reports whether there is anything of Ordinal.
func (i *Installation) Here() bool { return i.Record != nil || i.Policy.There || i.Binding.There }

// WholeCluster reports whether the controller acts everywhere.
func (i *Installation) WholeCluster() bool {
	return i.Record != nil && i.Record.Mode == fence.WholeCluster
}

// FenceDown says why the fence does not hold; empty if it does as far as is known. What
// the controller says counts: it looks at the same objects, and may be of another version.
func (i *Installation) FenceDown() string {
	if i.Record != nil && i.Record.Mode == fence.Fenced {
		return i.Record.Fence
	}
	return i.lacks()
}

// lacks says which part of the fence is not there, or not as it must be.
func (i *Installation) lacks() string {
	for _, part := range []struct {
		kind string
		Part
	}{{"policy", i.Policy}, {"binding", i.Binding}} {
		switch {
		case !part.There:
			return fmt.Sprintf("the %s %s is not there", part.kind, fence.Name)
		case part.Changed:
			return fmt.Sprintf("the %s %s is not as this version of Ordinal makes it", part.kind, fence.Name)
		}
	}
	return ""
}

// MayTake is nil if namespaces can be taken.
func (i *Installation) MayTake(now time.Time) error {
	switch {
	case i.WholeCluster():
		return fmt.Errorf("the controller of Ordinal runs in mode %s here: all sets are Ordinal's without being taken", fence.WholeCluster)
	case !i.Here():
		return fmt.Errorf("there is no Ordinal in this cluster; %s", Hint)
	case !i.Policy.There || !i.Binding.There:
		return fmt.Errorf("%s, so that nothing keeps the in-tree controller out; upgrade or install Ordinal's chart again", i.lacks())
	case i.Namespace == "":
		return fmt.Errorf("the policy %s does not say in its annotation %s where Ordinal's controller runs; upgrade or install Ordinal's chart again", fence.Name, fence.NamespaceAnnotation)
	}
	if silent := i.Silent(now); silent != "" {
		return fmt.Errorf("%s; see: kubectl get pods -n %s", silent, i.Namespace)
	}
	return nil
}
