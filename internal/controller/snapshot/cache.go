package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// The caches' indexes; all keys are "namespace/name".
const (
	bySet       = "set"       // pods and revisions, by the sets they concern
	byGoverning = "governing" // sets, by their governing Service
	byCommon    = "common"    // Services that select by common labels, by the empty name
	byTarget    = "target"    // policies, by the sets that they are for
	byOwner     = "owner"     // Services that were made here, by the sets that own them, or whose pods do
)

// Cache reads from the informers' stores, without copying.
type Cache struct {
	stores map[kinds.Kind]toolscache.Indexer

	mu         sync.Mutex
	considered map[types.NamespacedName][]map[string]string // labels, by the sets whose plans go by who has them
}

// NewCache starts the informers and adds the indexes.
func NewCache(ctx context.Context, informers cache.Cache) (*Cache, error) {
	c := &Cache{stores: map[kinds.Kind]toolscache.Indexer{}, considered: map[types.NamespacedName][]map[string]string{}}
	for _, object := range kinds.Watched() {
		informer, err := informers.GetInformer(ctx, object, cache.BlockUntilSynced(false))
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
		c.stores[kinds.Of(object)] = shared.GetIndexer()
	}
	return c, nil
}

// NewEmptyCache is a cache without informers, which its owner fills: see Replace and
// Observe.
func NewEmptyCache() *Cache {
	c := &Cache{stores: map[kinds.Kind]toolscache.Indexer{}, considered: map[types.NamespacedName][]map[string]string{}}
	for _, object := range kinds.Watched() {
		all := indexers(object)
		all[toolscache.NamespaceIndex] = toolscache.MetaNamespaceIndexFunc
		c.stores[kinds.Of(object)] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, all)
	}
	return c
}

// Replace fills the cache of one kind, that of the example, with a list taken at a
// resourceVersion. It returns the objects that it held before, by "namespace/name". The
// objects of the list are kept, and stripped of what plans do not read.
func (c *Cache) Replace(example client.Object, list []client.Object, version string) (before map[string]client.Object, err error) {
	store := c.stores[kinds.Of(example)]
	before = map[string]client.Object{}
	for _, was := range store.List() {
		before[client.ObjectKeyFromObject(was.(client.Object)).String()] = was.(client.Object)
	}
	items := make([]any, len(list))
	for i, object := range list {
		strip(object)
		items[i] = object
	}
	return before, store.Replace(items, version)
}

// Observe takes in that an object is now so, or is gone and was last so. It returns what
// the cache held of it before, nil for nothing. The object is kept, and stripped of what
// plans do not read.
func (c *Cache) Observe(object client.Object, gone bool) (was client.Object, err error) {
	store := c.stores[kinds.Of(object)]
	strip(object)
	old, _, err := store.Get(object)
	if err != nil {
		return nil, err
	}
	if gone {
		err = store.Delete(object)
	} else {
		err = store.Update(object)
	}
	if err != nil {
		return nil, fmt.Errorf("keep %s: %w", object.GetName(), err)
	}
	was, _ = old.(client.Object)
	return was, nil
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
	case *v1alpha1.StatefulSetPolicy:
		return toolscache.Indexers{byTarget: index(func(o metav1.Object) []string {
			return []string{o.(*v1alpha1.StatefulSetPolicy).Spec.TargetRef.Name}
		})}
	case *corev1.Service:
		return toolscache.Indexers{
			byCommon: index(func(o metav1.Object) []string {
				if o.GetAnnotations()[plan.ServiceMark] != plan.CommonLabels {
					return nil
				}
				return []string{""}
			}),
			byOwner: index(func(o metav1.Object) []string {
				if o.GetAnnotations()[plan.ServiceMark] == "" {
					return nil
				}
				return ownersOf(o)
			}),
		}
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

func (c *Cache) Set(_ context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error) {
	return get[*appsv1.StatefulSet](c.stores[kinds.Set], kinds.Set, key)
}

// SetsIn are the sets of a namespace, or with no name, of all, in any order.
func (c *Cache) SetsIn(namespace string) (names []types.NamespacedName) {
	for _, object := range c.stores[kinds.Set].List() {
		if set := object.(*appsv1.StatefulSet); namespace == "" || set.Namespace == namespace {
			names = append(names, client.ObjectKeyFromObject(set))
		}
	}
	return names
}

func (c *Cache) Service(_ context.Context, key types.NamespacedName) (*corev1.Service, error) {
	return get[*corev1.Service](c.stores[kinds.Service], kinds.Service, key)
}

func (c *Cache) Governed(_ context.Context, service types.NamespacedName) ([]*appsv1.StatefulSet, error) {
	return list[*appsv1.StatefulSet](c.stores[kinds.Set], byGoverning, service.String())
}

func (c *Cache) Neighbours(_ context.Context, namespace string) ([]*corev1.Pod, error) {
	return list[*corev1.Pod](c.stores[kinds.Pod], toolscache.NamespaceIndex, namespace)
}

func (c *Cache) Pods(_ context.Context, set types.NamespacedName) ([]*corev1.Pod, error) {
	return list[*corev1.Pod](c.stores[kinds.Pod], bySet, set.String())
}

func (c *Cache) Policies(_ context.Context, set types.NamespacedName) ([]*v1alpha1.StatefulSetPolicy, error) {
	return list[*v1alpha1.StatefulSetPolicy](c.stores[kinds.Policy], byTarget, set.String())
}

func (c *Cache) Revisions(_ context.Context, set types.NamespacedName) ([]*appsv1.ControllerRevision, error) {
	owned, err := list[*appsv1.ControllerRevision](c.stores[kinds.Revision], bySet, set.String())
	if err != nil {
		return nil, err
	}
	orphans, err := list[*appsv1.ControllerRevision](c.stores[kinds.Revision], bySet, set.Namespace+"/")
	return append(owned, orphans...), err
}

func (c *Cache) Claims(_ context.Context, namespace string, names []string) (map[string]*corev1.PersistentVolumeClaim, error) {
	claims := map[string]*corev1.PersistentVolumeClaim{}
	for _, name := range names {
		claim, err := get[*corev1.PersistentVolumeClaim](c.stores[kinds.Claim], kinds.Claim, types.NamespacedName{Namespace: namespace, Name: name})
		if err == nil {
			claims[name] = claim
		} else if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return claims, nil
}

func get[T any](store toolscache.Store, k kinds.Kind, key types.NamespacedName) (T, error) {
	var none T
	object, exists, err := store.GetByKey(key.String())
	if err != nil {
		return none, err
	}
	if !exists {
		return none, apierrors.NewNotFound(k.Resource(), key.Name)
	}
	return object.(T), nil
}

// list finds objects by an index, and sorts them by name: the same caches make the same plan.
func list[T client.Object](store toolscache.Indexer, index, key string) ([]T, error) {
	objects, err := store.ByIndex(index, key)
	if err != nil {
		return nil, err
	}
	items := make([]T, len(objects))
	for i, object := range objects {
		items[i] = object.(T)
	}
	slices.SortFunc(items, func(a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return items, nil
}
