package proposal

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/api/v1alpha1"
)

const stream = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: brought}
provisioner: example.com/disk
---
apiVersion: v1
kind: Service
metadata: {name: peers}
spec: {clusterIP: None, selector: {app: web}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-web-0}
spec: {storageClassName: brought}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 2
  serviceName: peers
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: brought}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
`

// What comes with a set is there when the set is: neither Service nor claim is made.
func TestAStreamIsLookedAtAsAWhole(t *testing.T) {
	report := forecastOf(t, agreeable(interceptor.Funcs{}), stream)
	text := report.String()
	for _, want := range []string{
		"sts/web in namespace shop: it is new, 2 pods start, 1 claim made.",
		"web-0 starts with what is in data-web-0\n", "web-1 starts with the new claim data-web-1, once web-0 is available",
		"In the end 2 of 2 pods are available", "Not looked at: 1 object (ConfigMap).",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Service peers is made") || !report.Changes {
		t.Errorf("changes: %t, and it says:\n%s", report.Changes, text)
	}
}

func TestWhoMayNotListStorageIsToldSo(t *testing.T) {
	c := agreeable(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, is := list.(*storagev1.StorageClassList); is {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "storageclasses"}, "", errors.New("not you"))
			}
			return c.List(ctx, list, opts...)
		},
	})
	report := forecastOf(t, c, strings.ReplaceAll(stream, "storageClassName: brought", "storageClassName: nobodys"))
	if text := report.String(); !report.Sets[0].Finishes || !strings.Contains(text, "This user may not list StorageClasses and volumes") {
		t.Errorf("it says:\n%s", text)
	}
}

func TestClassesAreThoseThatExistAndThoseOfFreeVolumes(t *testing.T) {
	class := func(name string, isDefault string, second int64) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{defaultClass: isDefault}, CreationTimestamp: metav1.Unix(second, 0),
		}}
	}
	volume := func(name, class string, phase corev1.PersistentVolumePhase) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{StorageClassName: class},
			Status: corev1.PersistentVolumeStatus{Phase: phase},
		}
	}
	c := fake.NewClientBuilder().WithObjects(
		class("old", "true", 1), class("new", "true", 2), class("none", "false", 3),
		volume("a", "by-hand", corev1.VolumeAvailable), volume("b", "taken", corev1.VolumeBound),
	).Build()
	s, err := storage(t.Context(), c, []storagev1.StorageClass{*class("brought", "", 0)})
	if err != nil || !s.Known || s.Default != "new" {
		t.Errorf("%+v, %v", s, err)
	}
	for name, want := range map[string]bool{"old": true, "none": true, "by-hand": true, "brought": true, "taken": false} {
		if s.Classes[name] != want {
			t.Errorf("class %s: %t", name, !want)
		}
	}
}

func TestANamespaceThatFlagsAndManifestDisagreeOn(t *testing.T) {
	documents, err := Read([]string{Stdin}, strings.NewReader(strings.Replace(stream, "metadata: {name: web}", "metadata: {name: web, namespace: other}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	err = New(fake.NewClientBuilder().Build()).Apply(t.Context(), documents, "shop", true)
	if err == nil || !strings.Contains(err.Error(), "is in namespace other, and -n says shop: leave one of them out") {
		t.Errorf("said %v", err)
	}
}

func TestAnEditPatchesWhatItNames(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web"}, {Name: "proxy"}}
	set.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "setup"}}
	patch, err := Edit{Replicas: ptr.To[int32](0), Images: map[string]string{"web": "web:2", "setup": "setup:2"}}.patch(set)
	want := `{"spec":{"replicas":0,"template":{"spec":{"containers":[{"image":"web:2","name":"web"}],"initContainers":[{"image":"setup:2","name":"setup"}]}}}}`
	if err != nil || string(patch) != want {
		t.Errorf("%s, %v", patch, err)
	}
	_, err = Edit{Images: map[string]string{"wbe": "web:2"}}.patch(set)
	if err == nil || err.Error() != "sts/web has no container wbe; it has proxy, setup, web" {
		t.Errorf("said %v", err)
	}
}

// agreeable is an API server that takes whatever is applied as it is.
func agreeable(f interceptor.Funcs) client.Client {
	f.Patch = func(_ context.Context, _ client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
		options := (&client.PatchOptions{}).ApplyOptions(opts)
		if len(options.DryRun) == 0 {
			return errors.New("this is no dry run")
		}
		data, err := patch.Data(o)
		if err == nil {
			err = json.Unmarshal(data, o)
		}
		o.SetUID(types.UID("uid-" + o.GetName()))
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		panic(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(f).Build()
}

func forecastOf(t *testing.T, c client.Client, text string) *Report {
	t.Helper()
	documents, err := Read([]string{Stdin}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p := New(c)
	if err := p.Apply(t.Context(), documents, "shop", false); err != nil {
		t.Fatal(err)
	}
	report, err := p.Forecast(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return report
}
