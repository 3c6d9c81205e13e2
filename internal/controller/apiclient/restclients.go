package apiclient

import (
	"fmt"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/snapshot"
)

// restClients are the REST clients of the API's groups, by their names. Of what they get
// only that is decoded which is read.
type restClients map[string]rest.Interface

func connect(config *rest.Config, transport *http.Client) (restClients, error) {
	scheme, err := kinds.Scheme()
	if err != nil {
		return nil, err
	}
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		return nil, err
	}
	all := restClients{}
	for _, group := range []schema.GroupVersion{corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, v1alpha1.GroupVersion} {
		config := rest.CopyConfig(config)
		config.APIPath, config.GroupVersion = "/apis", &group
		switch group.Group {
		case "":
			config.APIPath = "/api"
		case v1alpha1.GroupVersion.Group: // a CustomResourceDefinition knows no protocol buffers
			config.ContentType = runtime.ContentTypeJSON
		}
		config.NegotiatedSerializer = snapshot.Selective(serializer.NewCodecFactory(scheme).WithoutConversion())
		if all[group.Group], err = rest.RESTClientForConfigAndClient(config, transport); err != nil {
			return nil, fmt.Errorf("connect to %s: %w", group, err)
		}
	}
	return all, nil
}

func (c restClients) of(object runtime.Object) (server rest.Interface, resource string) {
	r := kinds.Of(object).Resource()
	return c[r.Group], r.Resource
}

// NewCache makes caches of all namespaces that are filled by such clients. It has the form of a
// manager's NewCache.
func NewCache(config *rest.Config, options cache.Options) (cache.Cache, error) {
	clients, err := connect(config, options.HTTPClient)
	if err != nil {
		return nil, err
	}
	options.NewInformer = func(_ toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		server, resource := clients.of(example)
		var source toolscache.ListerWatcher
		if all := toolscache.NewFilteredListWatchFromClient(server, resource, metav1.NamespaceAll, func(*metav1.ListOptions) {}); kinds.Of(example) == kinds.Policy {
			source = &optional{ListWatch: all, nothing: &v1alpha1.StatefulSetPolicyList{}}
		} else {
			source = all
		}
		return toolscache.NewSharedIndexInformer(source, example, resync, indexers)
	}
	return cache.New(config, options)
}
