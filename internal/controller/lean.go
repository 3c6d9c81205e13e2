package controller

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// leanClient makes the frequent writes without having the whole object sent back:
// of the answer, nothing is read but the metadata. controller-runtime's own client
// decodes it all and, after a delete, takes it through JSON: a fifth of all
// processor time.
type leanClient struct {
	client.Client
	servers map[schema.GroupVersion]rest.Interface
}

// onlyMetadata asks for the object's metadata in answer to a write. Errors cannot be
// sent in that form, and come in the plain one.
const onlyMetadata = runtime.ContentTypeProtobuf + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + runtime.ContentTypeProtobuf

func newLeanClient(base client.Client, config *rest.Config, transport *http.Client) (*leanClient, error) {
	lean := &leanClient{base, map[schema.GroupVersion]rest.Interface{}}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		return nil, err
	}
	for _, object := range kinds() {
		gvk, err := lean.GroupVersionKindFor(object)
		if err != nil {
			return nil, err
		}
		server, err := apiutil.RESTClientForGVK(gvk, false, false, config, serializer.NewCodecFactory(scheme), transport)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", gvk.GroupVersion(), err)
		}
		lean.servers[gvk.GroupVersion()] = server
	}
	return lean, nil
}

// Create implements client.Client. It sets the object's uid and resourceVersion and
// leaves the rest as it was sent.
func (c *leanClient) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	if len(opts) > 0 {
		return c.Client.Create(ctx, object, opts...)
	}
	server, err := c.server(object)
	if err != nil {
		return err
	}
	return send(ctx, server.Post().Namespace(object.GetNamespace()).Resource(resourceOf(object)), object)
}

// Delete implements client.Client.
func (c *leanClient) Delete(ctx context.Context, object client.Object, opts ...client.DeleteOption) error {
	server, err := c.server(object)
	if err != nil {
		return err
	}
	options := (&client.DeleteOptions{}).ApplyOptions(opts).AsDeleteOptions()
	return server.Delete().Namespace(object.GetNamespace()).Resource(resourceOf(object)).Name(object.GetName()).
		SetHeader("Accept", onlyMetadata).Body(options).Do(ctx).Error()
}

// Status implements client.Client.
func (c *leanClient) Status() client.SubResourceWriter {
	return leanStatus{c.Client.Status(), c}
}

type leanStatus struct {
	client.SubResourceWriter
	client *leanClient
}

// Update implements client.SubResourceWriter. It sets the object's resourceVersion
// and leaves the rest as it was sent.
func (s leanStatus) Update(ctx context.Context, object client.Object, opts ...client.SubResourceUpdateOption) error {
	if len(opts) > 0 {
		return s.SubResourceWriter.Update(ctx, object, opts...)
	}
	server, err := s.client.server(object)
	if err != nil {
		return err
	}
	return send(ctx, server.Put().Namespace(object.GetNamespace()).Resource(resourceOf(object)).Name(object.GetName()).SubResource("status"), object)
}

func (c *leanClient) server(object client.Object) (rest.Interface, error) {
	gvk, err := c.GroupVersionKindFor(object)
	if err != nil {
		return nil, err
	}
	return c.servers[gvk.GroupVersion()], nil
}

func resourceOf(object client.Object) string { return kindOf(object).resource().Resource }

// send makes a request with the object, and takes over what the server made of its
// identity and version.
func send(ctx context.Context, request *rest.Request, object client.Object) error {
	answer := &metav1.PartialObjectMetadata{}
	if err := request.SetHeader("Accept", onlyMetadata).Body(object).Do(ctx).Into(answer); err != nil {
		return err
	}
	object.SetUID(answer.UID)
	object.SetResourceVersion(answer.ResourceVersion)
	return nil
}
