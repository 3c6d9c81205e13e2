// Command least makes the writes that the benchmark's sets need, and nothing else:
// it knows no rules, keeps no caches, and is safe for nobody. What it takes is about
// what any controller takes that speaks through client-go, and so tells how much
// there is left to save.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "of the API server")
	namespace := flag.String("namespace", "bench", "where the sets are")
	flag.Parse()
	debug.SetGCPercent(400) // it has little in use, and may take as much as a controller may
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *namespace); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "least:", err)
		os.Exit(1)
	}
}

// run works until the context ends or anything goes wrong.
func run(ctx context.Context, kubeconfig, namespace string) error {
	api, err := connect(kubeconfig, namespace)
	if err != nil {
		return err
	}
	f := newFleet()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return api.watch(ctx, api.apps, "statefulsets", &appsv1.StatefulSetList{}, f.sawSet) })
	group.Go(func() error { return api.watch(ctx, api.core, "pods", &corev1.PodList{}, f.sawPod) })
	for range workers {
		group.Go(func() error { return f.work(ctx, api) })
	}
	<-ctx.Done()
	f.queue.ShutDown()
	return group.Wait()
}

// api is the API server, as far as it is needed.
type api struct {
	core, apps rest.Interface
	namespace  string
}

// onlyMetadata is what answers to writes are asked to be.
const onlyMetadata = runtime.ContentTypeProtobuf + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + runtime.ContentTypeProtobuf

func connect(kubeconfig, namespace string) (*api, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), appsv1.AddToScheme(scheme), metav1.AddMetaToScheme(scheme)); err != nil {
		return nil, err
	}
	core, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	core.QPS = -1
	core.DisableCompression = true
	core.ContentType = runtime.ContentTypeProtobuf
	core.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	transport, err := rest.HTTPClientFor(core)
	if err != nil {
		return nil, err
	}
	apps := rest.CopyConfig(core)
	core.APIPath, core.GroupVersion = "/api", &corev1.SchemeGroupVersion
	apps.APIPath, apps.GroupVersion = "/apis", &appsv1.SchemeGroupVersion
	a := &api{namespace: namespace}
	if a.core, err = rest.RESTClientForConfigAndClient(core, transport); err != nil {
		return nil, err
	}
	a.apps, err = rest.RESTClientForConfigAndClient(apps, transport)
	return a, err
}

// watch tells of all objects of a kind, which list can hold, and of what happens to them.
func (a *api) watch(ctx context.Context, server rest.Interface, resource string, list runtime.Object, saw func(watch.Event)) error {
	request := func(options metav1.ListOptions) *rest.Request {
		return server.Get().Namespace(a.namespace).Resource(resource).VersionedParams(&options, metav1.ParameterCodec)
	}
	if err := request(metav1.ListOptions{}).Do(ctx).Into(list); err != nil {
		return fmt.Errorf("list %s: %w", resource, err)
	}
	err := meta.EachListItem(list, func(o runtime.Object) error {
		saw(watch.Event{Type: watch.Added, Object: o})
		return nil
	})
	if err != nil {
		return err
	}
	// The API server ends the watch of a client that is behind.
	again, err := watchtools.NewRetryWatcherWithContext(ctx, list.(metav1.ListInterface).GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			return request(options).Watch(ctx)
		},
	})
	if err != nil {
		return fmt.Errorf("watch %s: %w", resource, err)
	}
	defer again.Stop()
	for event := range again.ResultChan() {
		saw(event)
	}
	return fmt.Errorf("the watch of %s has ended", resource)
}

func (a *api) send(ctx context.Context, request *rest.Request, body runtime.Object) error {
	return request.SetHeader("Accept", onlyMetadata).Body(body).Do(ctx).Error()
}

func (a *api) createRevision(ctx context.Context, revision *appsv1.ControllerRevision) error {
	return a.send(ctx, a.apps.Post().Namespace(a.namespace).Resource("controllerrevisions"), revision)
}

func (a *api) createPod(ctx context.Context, pod *corev1.Pod) error {
	return a.send(ctx, a.core.Post().Namespace(a.namespace).Resource("pods"), pod)
}

func (a *api) deletePod(ctx context.Context, name string) error {
	return a.send(ctx, a.core.Delete().Namespace(a.namespace).Resource("pods").Name(name), &metav1.DeleteOptions{})
}

func (a *api) updateStatus(ctx context.Context, set *appsv1.StatefulSet) error {
	return a.send(ctx, a.apps.Put().Namespace(a.namespace).Resource("statefulsets").Name(set.Name).SubResource("status"), set)
}
