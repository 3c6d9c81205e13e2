package controller

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/identity"
)

// The caches' indexes; all keys are "namespace/name".
const (
	bySet       = "set"       // pods and revisions, by the sets they concern
	byGoverning = "governing" // sets, by their governing Service
)

// cachedView reads from the informers' stores, without copying.
type cachedView struct{ stores map[kind]toolscache.Indexer }

// newCachedView starts the informers and adds the indexes.
func newCachedView(ctx context.Context, c cache.Cache) (*cachedView, error) {
	v := &cachedView{stores: map[kind]toolscache.Indexer{}}
	for _, object := range Kinds() {
		informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, err
		}
		if err := informer.AddIndexers(indexers(object)); err != nil {
			return nil, err
		}
		shared, ok := informer.(toolscache.SharedIndexInformer)
		if !ok {
			return nil, fmt.Errorf("the informer of %T is a %T and has no store", object, informer)
		}
		v.stores[kindOf(object)] = shared.GetIndexer()
	}
	return v, nil
}

func indexers(object client.Object) toolscache.Indexers {
	switch object.(type) {
	case *corev1.Pod:
		return toolscache.Indexers{bySet: index(podSets)}
	case *appsv1.ControllerRevision:
		// Revisions without an owner are indexed under the empty name.
		return toolscache.Indexers{bySet: index(revisionSets)}
	case *appsv1.StatefulSet:
		return toolscache.Indexers{byGoverning: index(func(o metav1.Object) []string {
			return []string{o.(*appsv1.StatefulSet).Spec.ServiceName}
		})}
	}
	return toolscache.Indexers{}
}

// index turns names into keys in the object's namespace.
func index(names func(metav1.Object) []string) toolscache.IndexFunc {
	return func(object any) ([]string, error) {
		o, ok := object.(metav1.Object)
		if !ok {
			return nil, fmt.Errorf("a %T is no API object", object)
		}
		var keys []string
		for _, name := range names(o) {
			keys = append(keys, o.GetNamespace()+"/"+name)
		}
		return keys, nil
	}
}

func (v *cachedView) set(_ context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error) {
	return get[*appsv1.StatefulSet](v.stores[kindSet], kindSet, key)
}

func (v *cachedView) service(_ context.Context, key types.NamespacedName) (*corev1.Service, error) {
	return get[*corev1.Service](v.stores[kindService], kindService, key)
}

func (v *cachedView) pods(_ context.Context, set types.NamespacedName) ([]*corev1.Pod, error) {
	return list[*corev1.Pod](v.stores[kindPod], bySet, set.String())
}

func (v *cachedView) revisions(_ context.Context, set types.NamespacedName) ([]*appsv1.ControllerRevision, error) {
	owned, err := list[*appsv1.ControllerRevision](v.stores[kindRevision], bySet, set.String())
	if err != nil {
		return nil, err
	}
	orphans, err := list[*appsv1.ControllerRevision](v.stores[kindRevision], bySet, set.Namespace+"/")
	return append(owned, orphans...), err
}

func (v *cachedView) claims(_ context.Context, namespace string, names []string) (map[string]*corev1.PersistentVolumeClaim, error) {
	claims := map[string]*corev1.PersistentVolumeClaim{}
	for _, name := range names {
		claim, err := get[*corev1.PersistentVolumeClaim](v.stores[kindClaim], kindClaim, types.NamespacedName{Namespace: namespace, Name: name})
		if err == nil {
			claims[name] = claim
		} else if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return claims, nil
}

func get[T any](store toolscache.Store, k kind, key types.NamespacedName) (T, error) {
	var none T
	object, exists, err := store.GetByKey(key.String())
	if err != nil {
		return none, err
	}
	if !exists {
		return none, apierrors.NewNotFound(k.resource(), key.Name)
	}
	return object.(T), nil
}

func list[T any](store toolscache.Indexer, index, key string) ([]T, error) {
	objects, err := store.ByIndex(index, key)
	if err != nil {
		return nil, err
	}
	items := make([]T, len(objects))
	for i, object := range objects {
		items[i] = object.(T)
	}
	return items, nil
}

// concerns names the sets that a change of the object may concern: of a claim
// those whose it may be by its name, of a revision without an owner every set of
// the namespace, since its selector may match.
func (v *cachedView) concerns(_ context.Context, object client.Object) []reconcile.Request {
	switch object.(type) {
	case *corev1.Pod:
		return requests(object.GetNamespace(), podSets(object))
	case *corev1.PersistentVolumeClaim:
		return requests(object.GetNamespace(), identity.ClaimSets(object.GetName()))
	case *corev1.Service:
		return v.sets(byGoverning, client.ObjectKeyFromObject(object).String())
	case *appsv1.ControllerRevision:
		sets := revisionSets(object)
		if slices.Contains(sets, "") {
			return v.sets(toolscache.NamespaceIndex, object.GetNamespace())
		}
		return requests(object.GetNamespace(), sets)
	}
	return requests(object.GetNamespace(), []string{object.GetName()})
}

func (v *cachedView) sets(index, key string) []reconcile.Request {
	sets, err := list[*appsv1.StatefulSet](v.stores[kindSet], index, key)
	if err != nil {
		return nil // the index exists, so this cannot be
	}
	var all []reconcile.Request
	for _, set := range sets {
		all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)})
	}
	return all
}

func requests(namespace string, sets []string) []reconcile.Request {
	all := make([]reconcile.Request, len(sets))
	for i, set := range sets {
		all[i].Namespace, all[i].Name = namespace, set
	}
	return all
}

// version implements seen.
func (v *cachedView) version(k kind) string { return v.stores[k].LastStoreSyncResourceVersion() }

// object implements seen.
func (v *cachedView) object(k kind, key types.NamespacedName) metav1.Object {
	o, err := get[metav1.Object](v.stores[k], k, key)
	if err != nil {
		return nil
	}
	return o
}
