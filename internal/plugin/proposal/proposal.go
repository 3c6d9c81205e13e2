package proposal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/forecast"
	"ordinal.dev/ordinal/internal/plan"
)

// A Proposal is what is to be changed in one cluster.
type Proposal struct {
	client  client.Client
	report  Report
	overlay overlay
	changes []change
	classes []storagev1.StorageClass
}

// change is one set before and after.
type change struct{ before, after *appsv1.StatefulSet }

// New is a proposal of nothing.
func New(c client.Client) *Proposal {
	return &Proposal{client: c, report: Report{Sets: []forecast.Forecast{}}, overlay: overlay{
		View:     snapshot.FromAPI(c),
		sets:     map[types.NamespacedName]*appsv1.StatefulSet{},
		services: map[types.NamespacedName]*corev1.Service{},
		claims:   map[types.NamespacedName]*corev1.PersistentVolumeClaim{},
		policies: map[types.NamespacedName]*v1alpha1.StatefulSetPolicy{},
	}}
}

// Check says what is wrong with documents that nobody can forecast anything of.
func Check(documents []Document, from []string) error {
	kinds := map[string]bool{}
	sets := 0
	for _, d := range documents {
		kinds[d.GetKind()] = true
		if d.GetKind() == v1alpha1.PolicyKind { // what it is for is a set
			sets++
			continue
		}
		if d.GetKind() != "StatefulSet" {
			continue
		}
		if sets++; d.GetAPIVersion() != appsv1.SchemeGroupVersion.String() {
			return fmt.Errorf("%s is a StatefulSet of %s, which is served no more: write apiVersion: apps/v1", d.Source, d.GetAPIVersion())
		}
		if d.GetName() == "" {
			return fmt.Errorf("%s is a StatefulSet without metadata.name: give it one", d.Source)
		}
	}
	where := strings.Join(from, ", ")
	if where == Stdin {
		where = "standard input"
	}
	switch {
	case sets > 0:
		return nil
	case len(documents) == 0:
		return fmt.Errorf("there is no object in %s", where)
	}
	return fmt.Errorf("there is no StatefulSet in %s, and what happens to others is not forecast: it has %s", where, strings.Join(sortedKeys(kinds), ", "))
}

func sortedKeys(set map[string]bool) []string {
	var all []string
	for key := range set {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// Apply proposes documents. Those without a namespace are in the given one, and fixed
// tells that all have to be.
func (p *Proposal) Apply(ctx context.Context, documents []Document, namespace string, fixed bool) error {
	others := map[string]bool{}
	for _, d := range documents {
		var err error
		switch d.GetAPIVersion() + " " + d.GetKind() {
		case "apps/v1 StatefulSet", "v1 Service", "v1 PersistentVolumeClaim",
			v1alpha1.GroupVersion.String() + " " + v1alpha1.PolicyKind:
			if d.GetNamespace() == "" {
				d.SetNamespace(namespace)
			} else if fixed && d.GetNamespace() != namespace {
				return fmt.Errorf("%s is in namespace %s, and -n says %s: leave one of them out", d.Source, d.GetNamespace(), namespace)
			}
			err = p.apply(ctx, d)
		case "storage.k8s.io/v1 StorageClass":
			var class storagev1.StorageClass
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(d.Object, &class)
			p.classes = append(p.classes, class)
		default:
			p.report.Others++
			others[d.GetKind()] = true
		}
		if err != nil {
			return err
		}
	}
	p.report.Kinds = sortedKeys(others)
	return p.addTargets(ctx)
}

// addTargets has the sets forecast that are there, and whose policies are proposed.
func (p *Proposal) addTargets(ctx context.Context) error {
	for key, policy := range p.overlay.policies {
		target := types.NamespacedName{Namespace: key.Namespace, Name: policy.Spec.TargetRef.Name}
		if p.overlay.sets[target] != nil {
			continue
		}
		set, err := p.overlay.Set(ctx, target)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil {
			p.add(change{before: set, after: set})
		}
	}
	return nil
}

// apply proposes one document.
func (p *Proposal) apply(ctx context.Context, d Document) error {
	key := client.ObjectKeyFromObject(d)
	var err error
	switch d.GetKind() {
	case "StatefulSet":
		var c change
		if c.before, c.after, err = applied(ctx, p.client, d, func() *appsv1.StatefulSet { return &appsv1.StatefulSet{} }); err == nil {
			p.add(c)
		}
	case "Service":
		var after *corev1.Service
		if _, after, err = applied(ctx, p.client, d, func() *corev1.Service { return &corev1.Service{} }); err == nil {
			p.overlay.services[key] = after
		}
	case v1alpha1.PolicyKind:
		var after *v1alpha1.StatefulSetPolicy
		if _, after, err = applied(ctx, p.client, d, func() *v1alpha1.StatefulSetPolicy { return &v1alpha1.StatefulSetPolicy{} }); err == nil {
			p.overlay.policies[key] = after
		}
	default:
		var after *corev1.PersistentVolumeClaim
		if _, after, err = applied(ctx, p.client, d, func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} }); err == nil {
			p.overlay.claims[key] = after
		}
	}
	return p.refused(err, fmt.Sprintf("%s %s in namespace %s", d.GetKind(), key.Name, key.Namespace), d.Source, key.Namespace)
}

func (p *Proposal) add(c change) {
	p.changes = append(p.changes, c)
	p.overlay.sets[client.ObjectKeyFromObject(c.after)] = c.after
}

// refused keeps what the API server said of an object. Other errors end everything.
func (p *Proposal) refused(err error, object, source, namespace string) error {
	var status apierrors.APIStatus
	if err == nil || !errors.As(err, &status) || apierrors.IsUnauthorized(err) || apierrors.IsInternalError(err) {
		return err
	}
	why := inShort(err.Error())
	if details := status.Status().Details; apierrors.IsNotFound(err) && details != nil && details.Kind == "namespaces" {
		why += fmt.Sprintf("; a dry run needs the namespace: kubectl create namespace %s", namespace)
	}
	p.report.Refused = append(p.report.Refused, Refusal{Object: object, Source: source, Why: why})
	return nil
}

// inShort leaves out of a refusal the value that is not valid where it is long: an API
// server prints whole lists of it.
func inShort(message string) string {
	const begin, longest = "Invalid value: ", 120
	at := strings.Index(message, begin)
	if at < 0 {
		return message
	}
	for _, end := range []string{"]: ", "}: ", `": `} {
		if till := strings.LastIndex(message, end); till-at > longest {
			return message[:at] + message[till+len(end):]
		}
	}
	return message
}

// An Edit is what commands change without a manifest; what is zero stays.
type Edit struct {
	Replicas *int32
	Images   map[string]string // by container
}

// Edit proposes to change a set that there is.
func (p *Proposal) Edit(ctx context.Context, before *appsv1.StatefulSet, e Edit) error {
	patch, err := e.patch(before)
	if err != nil {
		return err
	}
	after := &appsv1.StatefulSet{}
	after.Name, after.Namespace = before.Name, before.Namespace
	err = p.client.Patch(ctx, after, client.RawPatch(types.StrategicMergePatchType, patch), client.DryRunAll, client.FieldOwner(kubectl))
	if err == nil {
		p.add(change{before, after})
	}
	return p.refused(err, fmt.Sprintf("StatefulSet %s in namespace %s", before.Name, before.Namespace), "", before.Namespace)
}

func (e Edit) patch(set *appsv1.StatefulSet) ([]byte, error) {
	spec := map[string]any{}
	if e.Replicas != nil {
		spec["replicas"] = *e.Replicas
	}
	pod := map[string]any{}
	var known []string
	for field, containers := range map[string][]corev1.Container{
		"containers": set.Spec.Template.Spec.Containers, "initContainers": set.Spec.Template.Spec.InitContainers,
	} {
		var changed []any
		for _, c := range containers {
			known = append(known, c.Name)
			if image, has := e.Images[c.Name]; has {
				changed = append(changed, map[string]any{"name": c.Name, "image": image})
			}
		}
		if changed != nil {
			pod[field] = changed
		}
	}
	for name := range e.Images {
		if !slices.Contains(known, name) {
			slices.Sort(known)
			return nil, fmt.Errorf("sts/%s has no container %s; it has %s", set.Name, name, strings.Join(known, ", "))
		}
	}
	if len(pod) > 0 {
		spec["template"] = map[string]any{"spec": pod}
	}
	return json.Marshal(map[string]any{"spec": spec})
}

// Forecast says what would happen.
func (p *Proposal) Forecast(ctx context.Context, now time.Time) (*Report, error) {
	storage, err := storage(ctx, p.client, p.classes)
	if err != nil {
		return nil, err
	}
	p.report.StorageUnknown = !storage.Known
	for _, c := range p.changes {
		s, err := snapshot.Of(ctx, &p.overlay, c.after, now)
		if err != nil {
			return nil, err
		}
		if asks := plan.Make(s).Asks; len(asks) > 0 {
			// Who may not read events has the same forecast in fewer words.
			s.Reported, _ = snapshot.Reports(p.client)(ctx, c.after.Namespace, asks)
		}
		f := forecast.Run(forecast.Change{Before: c.before, Snapshot: s, Storage: storage})
		p.report.Sets = append(p.report.Sets, f)
		p.report.Changes = p.report.Changes || f.Changes()
	}
	return &p.report, nil
}
