package apiclient

import (
	"context"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
)

// Followed are the resources without namespace that can be followed.
type Followed struct {
	group    schema.GroupVersion
	resource string
	example  runtime.Object
}

// What the fence is made of.
var (
	Namespaces = Followed{corev1.SchemeGroupVersion, "namespaces", &corev1.Namespace{}}
	Policies   = Followed{admissionv1.SchemeGroupVersion, "validatingadmissionpolicies", &admissionv1.ValidatingAdmissionPolicy{}}
	Bindings   = Followed{admissionv1.SchemeGroupVersion, "validatingadmissionpolicybindings", &admissionv1.ValidatingAdmissionPolicyBinding{}}
)

// Follower follows objects without keeping them.
type Follower struct {
	config *rest.Config
	client *http.Client
}

// NewFollower makes one of an access to the API server.
func NewFollower(config *rest.Config, client *http.Client) Follower { return Follower{config, client} }

func (f Follower) rest(group schema.GroupVersion) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, admissionv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	config := rest.CopyConfig(f.config)
	config.APIPath, config.GroupVersion = "/apis", &group
	if group.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientForConfigAndClient(config, f.client)
}

// Serves reports whether the API server has the resource.
func (f Follower) Serves(ctx context.Context, what Followed) (bool, error) {
	server, err := f.rest(what.group)
	if err != nil {
		return false, err
	}
	groups := &metav1.APIGroupList{}
	if err := server.Get().AbsPath("/apis").Do(ctx).Into(groups); err != nil {
		return false, fmt.Errorf("which APIs there are: %w", err)
	}
	for _, group := range groups.Groups {
		for _, version := range group.Versions {
			if version.GroupVersion != what.group.String() {
				continue
			}
			resources := &metav1.APIResourceList{}
			if err := server.Get().AbsPath("/apis", version.GroupVersion).Do(ctx).Into(resources); err != nil {
				return false, fmt.Errorf("which resources %s has: %w", version.GroupVersion, err)
			}
			for _, resource := range resources.APIResources {
				if resource.Name == what.resource {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// Follow tells of the objects of a resource, or of the one of a name, until the context
// ends. It returns once it has told of all that are there. What is told of has no managed
// fields.
func (f Follower) Follow(ctx context.Context, what Followed, name string, tell func(object metav1.Object, gone bool)) error {
	server, err := f.rest(what.group)
	if err != nil {
		return err
	}
	source := toolscache.NewFilteredListWatchFromClient(server, what.resource, metav1.NamespaceAll, func(o *metav1.ListOptions) {
		if name != "" {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		}
	})
	_, informer := toolscache.NewInformerWithOptions(toolscache.InformerOptions{
		ListerWatcher: source, ObjectType: what.example,
		Transform: withoutManagedFields,
		Handler: toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(is any) { tell(is.(metav1.Object), false) },
			UpdateFunc: func(_, is any) { tell(is.(metav1.Object), false) },
			DeleteFunc: func(was any) {
				if unknown, ok := was.(toolscache.DeletedFinalStateUnknown); ok {
					was = unknown.Obj
				}
				tell(was.(metav1.Object), true)
			},
		},
	})
	go informer.Run(ctx.Done())
	if !toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	return nil
}

func withoutManagedFields(object any) (any, error) {
	if o, err := meta.Accessor(object); err == nil {
		o.SetManagedFields(nil)
	}
	return object, nil
}
