package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// A server is what the requests of a history are made of.
type server interface {
	Get(o client.Object) error
	Create(o client.Object) error
	Update(o client.Object) error
	UpdateStatus(o client.Object) error
	UpdateScale(scale *autoscalingv1.Scale) error
	Patch(o client.Object, t types.PatchType, data []byte) error
	Delete(o client.Object, options *client.DeleteOptions) error
	Bind(pod, node string) error
	// Apply is a server-side apply of a Service.
	Apply(o *corev1.Service, force bool) error
	// As makes the writes that follow in the name of a field manager.
	As(manager string)
	// List lists the history's namespace.
	List() ([]client.Object, error)
}

// realServer is the embedded API server.
type realServer struct {
	ctx       context.Context
	client    client.Client // with the field manager
	anonymous client.Client
	manager   string
	namespace string
}

func newRealServer(t *testing.T) *realServer {
	config := rest.CopyConfig(adminConfig)
	config.WarningHandler = rest.NoWarnings{}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldOwner(c, "kubectl") // or the controller would take this for another one
	return &realServer{ctx: t.Context(), client: c, anonymous: c, namespace: quietNamespace(t, map[string]string{keptOut: ""})}
}

func (s *realServer) As(manager string) {
	s.manager, s.client = manager, client.WithFieldOwner(s.anonymous, manager)
}

func (s *realServer) Apply(o *corev1.Service, force bool) error {
	u := &unstructured.Unstructured{}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	delete(fields, "status")
	delete(fields["metadata"].(map[string]any), "creationTimestamp")
	u.Object = fields
	u.SetAPIVersion("v1")
	u.SetKind("Service")
	if force {
		return s.anonymous.Apply(s.ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(s.manager), client.ForceOwnership)
	}
	return s.anonymous.Apply(s.ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(s.manager))
}

func (s *realServer) Get(o client.Object) error {
	return s.client.Get(s.ctx, client.ObjectKeyFromObject(o), o)
}
func (s *realServer) Create(o client.Object) error       { return s.client.Create(s.ctx, o) }
func (s *realServer) Update(o client.Object) error       { return s.client.Update(s.ctx, o) }
func (s *realServer) UpdateStatus(o client.Object) error { return s.client.Status().Update(s.ctx, o) }

func (s *realServer) UpdateScale(scale *autoscalingv1.Scale) error {
	set := &appsv1.StatefulSet{}
	set.Namespace, set.Name = scale.Namespace, scale.Name
	return s.client.SubResource("scale").Update(s.ctx, set, client.WithSubResourceBody(scale))
}

func (s *realServer) Patch(o client.Object, t types.PatchType, data []byte) error {
	return s.client.Patch(s.ctx, o, client.RawPatch(t, data))
}

func (s *realServer) Delete(o client.Object, options *client.DeleteOptions) error {
	return s.client.Delete(s.ctx, o, options)
}

func (s *realServer) Bind(pod, node string) error {
	p := &corev1.Pod{}
	p.Namespace, p.Name = s.namespace, pod
	return s.client.SubResource("binding").Create(s.ctx, p, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: node}})
}

func (s *realServer) List() (all []client.Object, err error) {
	lists := []client.ObjectList{&appsv1.StatefulSetList{}, &appsv1.ControllerRevisionList{}, &corev1.PodList{}, &corev1.PersistentVolumeClaimList{}, &corev1.ServiceList{}}
	for _, list := range lists {
		if err := s.client.List(s.ctx, list, client.InNamespace(s.namespace)); err != nil {
			return nil, err
		}
		items, err := itemsOf(list)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// simulatedServer is the one that is put to the test, with its garbage collector.
type simulatedServer struct {
	*apiserver.Server
	namespace string
}

func (s *simulatedServer) As(manager string) { s.Manager = manager }

func (s *simulatedServer) Get(o client.Object) error {
	found, err := s.Server.Get(apiserver.KindOf(o), client.ObjectKeyFromObject(o))
	if err != nil {
		return err
	}
	return copyInto(found, o)
}

func (s *simulatedServer) Delete(o client.Object, options *client.DeleteOptions) error {
	return s.Server.Delete(apiserver.KindOf(o), client.ObjectKeyFromObject(o), options)
}

func (s *simulatedServer) Bind(pod, node string) error {
	return s.Server.Bind(types.NamespacedName{Namespace: s.namespace, Name: pod}, node)
}

// List has the garbage collector do all it has to do first.
func (s *simulatedServer) List() (all []client.Object, err error) {
	for {
		did, err := s.Collect()
		if err != nil {
			return nil, err
		}
		if did == "" {
			break
		}
	}
	for _, k := range everyKind {
		all = append(all, s.Server.List(k, s.namespace)...)
	}
	return all, nil
}

// side is one of the two servers, and what it has shown so far.
type side struct {
	server
	*ledger
}

// state is all that the server holds.
func (s *side) state(h *history) map[string]any {
	list, err := s.List()
	if err != nil {
		h.Fatal(err)
	}
	state := map[string]any{}
	for _, o := range list {
		maps.Copy(state, s.normal(o))
	}
	return state
}

func (s *side) noteAll(h *history) {
	list, err := s.List()
	if err != nil {
		h.Fatal(err)
	}
	for _, o := range list {
		s.note(o)
	}
}

// ledger gives what each server makes up for itself names that can be compared:
// a UID is known by the object's name and which of that name it is, and a
// resourceVersion by how often a new one was seen.
type ledger struct {
	uids     map[types.UID]string
	latest   map[string]types.UID // by the object's name
	made     map[string]int       // likewise
	versions map[types.UID]string
	changes  map[types.UID]int
}

func newLedger() *ledger {
	return &ledger{uids: map[types.UID]string{}, latest: map[string]types.UID{}, made: map[string]int{}, versions: map[types.UID]string{}, changes: map[types.UID]int{}}
}

// note enters an object as it now is.
func (l *ledger) note(o client.Object) {
	uid, name := o.GetUID(), nameOf(o)
	if _, known := l.uids[uid]; !known {
		l.made[name]++
		l.uids[uid], l.latest[name] = fmt.Sprintf("%s #%d", name, l.made[name]), uid
	}
	if l.versions[uid] != o.GetResourceVersion() {
		l.changes[uid]++
		l.versions[uid] = o.GetResourceVersion()
	}
}

// normal is an object as it is compared: by the paths of its fields.
func (l *ledger) normal(o client.Object) map[string]any {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		panic(err) // every object is of a type that we list
	}
	u := unstructured.Unstructured{Object: fields}
	changes := l.changes[o.GetUID()]
	if l.versions[o.GetUID()] != o.GetResourceVersion() {
		changes++
	}
	u.SetResourceVersion(fmt.Sprintf("change %d", changes))
	u.SetUID(types.UID(l.uid(o.GetUID())))
	owners := u.GetOwnerReferences()
	for i := range owners {
		owners[i].UID = types.UID(l.uid(owners[i].UID))
	}
	if len(owners) > 0 {
		u.SetOwnerReferences(owners)
	}
	owned := u.GetManagedFields()
	for _, path := range notCompared {
		unstructured.RemoveNestedField(fields, path...)
	}
	if o.GetDeletionTimestamp() != nil {
		fields["metadata"].(map[string]any)["deletionTimestamp"] = "set"
	}
	flat := map[string]any{}
	flatten(nameOf(o), fields, flat)
	if service, ok := o.(*corev1.Service); ok {
		l.flattenService(service, owned, flat)
	}
	return flat
}

// flattenService makes an address that the server has chosen one like any other, and
// enters who manages which field: of ports, the two servers do not tell the fields apart.
func (l *ledger) flattenService(service *corev1.Service, owned []metav1.ManagedFieldsEntry, flat map[string]any) {
	if ip := service.Spec.ClusterIP; ip != "" && ip != corev1.ClusterIPNone {
		flat[nameOf(service)+".spec.clusterIP"], flat[nameOf(service)+".spec.clusterIPs[0]"] = "given", "given"
	}
	for _, entry := range owned {
		var fields map[string]any
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
			panic(err) // the server has made it
		}
		l.flattenOwned(fmt.Sprintf("%s %s%s", entry.Manager, entry.Operation, entry.Subresource), fields, flat)
	}
}

func (l *ledger) flattenOwned(path string, fields map[string]any, flat map[string]any) {
	_, itself := fields["."] // a map, and not what is in it: the real server says so in two ways
	if len(fields) == 0 || itself && len(fields) == 1 || strings.HasSuffix(path, " f:ports") {
		flat[path] = "owned"
		return
	}
	for name, inner := range fields {
		for uid, known := range l.uids {
			name = strings.ReplaceAll(name, fmt.Sprintf("%q", uid), fmt.Sprintf("%q", known))
		}
		l.flattenOwned(path+" "+name, inner.(map[string]any), flat)
	}
}

// flatten enters a value by its path, and what is in it by theirs.
func flatten(path string, value any, flat map[string]any) {
	switch value := value.(type) {
	case map[string]any:
		flat[path] = "there"
		for key, inner := range value {
			if key == "lastTransitionTime" {
				continue // no two servers agree about the time
			}
			flatten(path+"."+key, inner, flat)
		}
	case []any:
		flat[path] = fmt.Sprintf("%d of them", len(value))
		for i, inner := range value {
			flatten(fmt.Sprintf("%s[%d]", path, i), inner, flat)
		}
	default:
		flat[path] = value
	}
}

func (l *ledger) uid(uid types.UID) string {
	if name, ok := l.uids[uid]; ok {
		return name
	}
	return string(uid)
}

// notCompared is what no two servers agree about, or what the simulated one leaves
// out because no controller reads it.
var notCompared = [][]string{
	{"kind"}, {"apiVersion"}, // lists leave them out
	{"metadata", "creationTimestamp"},
	{"metadata", "managedFields"},
	{"status", "qosClass"}, // derived from resources, which nothing here has
}

func pollUntil(ctx context.Context, patience time.Duration, done func() bool) bool {
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, patience, true, func(context.Context) (bool, error) { return done(), nil })
	return err == nil
}
