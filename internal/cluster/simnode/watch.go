package simnode

import (
	"context"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// byClaim indexes pods by the claims they mount.
const byClaim = "claim"

// watch holds the pods bound to any node, and the claims. Its objects are
// shared: they must not be changed.
type watch struct {
	podInformer   cache.SharedIndexInformer
	claimInformer cache.SharedIndexInformer
}

func newWatch(client kubernetes.Interface) watch {
	bound := fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	w := watch{
		podInformer: informers.NewFilteredPodInformer(client, metav1.NamespaceAll, 0,
			cache.Indexers{byClaim: claimsOf}, func(o *metav1.ListOptions) { o.FieldSelector = bound }),
		claimInformer: informers.NewPersistentVolumeClaimInformer(client, metav1.NamespaceAll, 0, cache.Indexers{}),
	}
	// SetTransform fails on a started informer only.
	_ = w.podInformer.SetTransform(withoutManagedFields)
	_ = w.claimInformer.SetTransform(withoutManagedFields)
	return w
}

// withoutManagedFields drops what is large and never read. A status update
// without managed fields leaves those in the API as they are.
func withoutManagedFields(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return obj, nil
}

func (w watch) start(ctx context.Context, group *errgroup.Group) {
	for _, informer := range []cache.SharedIndexInformer{w.podInformer, w.claimInformer} {
		group.Go(func() error {
			informer.RunWithContext(ctx)
			return nil
		})
	}
}

func (w watch) synced(ctx context.Context) bool {
	return cache.WaitForCacheSync(ctx.Done(), w.podInformer.HasSynced, w.claimInformer.HasSynced)
}

func (w watch) pods() []*corev1.Pod {
	var pods []*corev1.Pod
	for _, obj := range w.podInformer.GetStore().List() {
		pods = append(pods, obj.(*corev1.Pod))
	}
	return pods
}

// pod returns nil for a pod that is not there.
func (w watch) pod(key cache.ObjectName) *corev1.Pod {
	obj, ok, err := w.podInformer.GetStore().GetByKey(key.String())
	if err != nil || !ok {
		return nil
	}
	return obj.(*corev1.Pod)
}

// allocatedBeside is what the other pods of a pod's node have been given.
func (w watch) allocatedBeside(pod *corev1.Pod) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for _, other := range w.pods() {
		if other.Spec.NodeName == pod.Spec.NodeName && other.UID != pod.UID && !ended(other.Status.Phase) {
			add(sum, allocated(other))
		}
	}
	return sum
}

// claimsBound tells whether all claims the pod mounts exist and are Bound.
func (w watch) claimsBound(pod *corev1.Pod) bool {
	keys, _ := claimsOf(pod) // no pod yields an error
	for _, key := range keys {
		obj, ok, err := w.claimInformer.GetStore().GetByKey(key)
		if err != nil || !ok || obj.(*corev1.PersistentVolumeClaim).Status.Phase != corev1.ClaimBound {
			return false
		}
	}
	return true
}

// onPod calls changed for new and changed pods, and gone for deleted ones.
func (w watch) onPod(changed, gone func(*corev1.Pod)) {
	handle(w.podInformer, cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { changed(obj.(*corev1.Pod)) },
		UpdateFunc: func(_, obj any) { changed(obj.(*corev1.Pod)) },
		DeleteFunc: func(obj any) {
			if last, missed := obj.(cache.DeletedFinalStateUnknown); missed {
				obj = last.Obj
			}
			gone(obj.(*corev1.Pod))
		},
	})
}

// onClaim calls changed with the pods that mount a new or changed claim.
func (w watch) onClaim(changed func([]*corev1.Pod)) {
	notify := func(obj any) {
		key := cache.MetaObjectToName(obj.(*corev1.PersistentVolumeClaim)).String()
		found, err := w.podInformer.GetIndexer().ByIndex(byClaim, key)
		if err != nil {
			panic(err) // the index is made in newWatch
		}
		var pods []*corev1.Pod
		for _, pod := range found {
			pods = append(pods, pod.(*corev1.Pod))
		}
		changed(pods)
	}
	handle(w.claimInformer, cache.ResourceEventHandlerFuncs{
		AddFunc:    notify,
		UpdateFunc: func(_, obj any) { notify(obj) },
	})
}

func handle(informer cache.SharedIndexInformer, h cache.ResourceEventHandler) {
	// AddEventHandler fails on a stopped informer only.
	_, _ = informer.AddEventHandler(h)
}

// claimsOf is an index function: the keys of the claims a pod mounts,
// generic ephemeral volumes included.
func claimsOf(obj any) ([]string, error) {
	pod := obj.(*corev1.Pod)
	var keys []string
	for _, volume := range pod.Spec.Volumes {
		switch {
		case volume.PersistentVolumeClaim != nil:
			keys = append(keys, pod.Namespace+"/"+volume.PersistentVolumeClaim.ClaimName)
		case volume.Ephemeral != nil:
			keys = append(keys, pod.Namespace+"/"+pod.Name+"-"+volume.Name)
		}
	}
	return keys, nil
}
