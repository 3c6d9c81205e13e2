package volumes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// world is a fake API with a running provisioner, in a bubble in which time
// passes only when everything waits.
type world struct {
	*testing.T
	api *fake.Clientset
}

func inWorld(t *testing.T, backend Backend, objects []runtime.Object, test func(w world)) {
	synctest.Test(t, func(t *testing.T) {
		w := world{T: t, api: fake.NewClientset(objects...)}
		ctx, cancel := context.WithCancel(context.Background())
		p, err := newProvisioner(ctx, w.api, Config{Backend: backend, Log: logr.Discard()})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		w.pass(200 * time.Millisecond) // informers notice their first list
		if err := p.Ready(ctx); err != nil {
			t.Errorf("not ready: %v", err)
		}
		test(w)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if p.Ready(ctx) == nil {
			t.Error("ready after the end")
		}
		w.pass(time.Minute) // the library's last timers run out
	})
}

func (w world) pass(d time.Duration) {
	time.Sleep(d) // the bubble's time, not ours
	synctest.Wait()
}

// scheduled is a claim whose pod was given a node, as the scheduler and the
// upstream claim controller leave it to a provisioner.
func scheduled(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "db", Name: name, UID: "uid-1",
			Annotations: map[string]string{
				"volume.kubernetes.io/selected-node":       "ordinal",
				"volume.kubernetes.io/storage-provisioner": ProvisionerName,
			},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(ClassName),
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
		},
	}
}

func (w world) claim(c *corev1.PersistentVolumeClaim) {
	w.Helper()
	if err := w.api.Tracker().Add(c); err != nil {
		w.Fatal(err)
	}
	w.pass(100 * time.Millisecond)
}

func (w world) volume() *corev1.PersistentVolume {
	w.Helper()
	list, err := w.api.CoreV1().PersistentVolumes().List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}

// warning is the message of the first warning recorded. It is read from the
// requests, as events are named by the time, which stands still here.
func (w world) warning() string {
	for _, action := range w.api.Actions() {
		create, ok := action.(clienttesting.CreateAction)
		if !ok {
			continue
		}
		if e, ok := create.GetObject().(*corev1.Event); ok && e.Type == corev1.EventTypeWarning {
			return e.Message
		}
	}
	return ""
}

func TestClaimGetsADirectoryOnItsNode(t *testing.T) {
	base := filepath.Join(t.TempDir(), "volumes")
	inWorld(t, NewDirectories(base), nil, func(w world) {
		w.claim(scheduled("data-web-0"))

		pv := w.volume()
		if pv == nil {
			t.Fatalf("no volume a tenth of a second later; warning: %q", w.warning())
		}
		want := filepath.Join(base, "db", "data-web-0", "uid-1")
		if pv.Spec.Local == nil || pv.Spec.Local.Path != want {
			t.Errorf("source %+v, want local at %s", pv.Spec.PersistentVolumeSource, want)
		}
		if node := pv.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]; node != "ordinal" {
			t.Errorf("tied to node %s", node)
		}
		if got := pv.Spec.Capacity[corev1.ResourceStorage]; got.String() != "1Gi" {
			t.Errorf("capacity %s, want what was asked for", got.String())
		}
		if info, err := os.Stat(want); err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("directory: %v, %v; want mode 0777", info, err)
		}
	})
}

func TestReleasedVolumeIsReclaimedByItsPolicy(t *testing.T) {
	for policy, kept := range map[corev1.PersistentVolumeReclaimPolicy]bool{
		corev1.PersistentVolumeReclaimDelete: false,
		corev1.PersistentVolumeReclaimRetain: true,
	} {
		base := t.TempDir()
		inWorld(t, NewDirectories(base), nil, func(w world) {
			w.claim(scheduled("data-web-0"))
			pv := w.volume()
			dir := pv.Spec.Local.Path
			if err := os.WriteFile(filepath.Join(dir, "counter"), []byte("42"), 0o600); err != nil {
				t.Fatal(err)
			}
			pv.Spec.PersistentVolumeReclaimPolicy = policy
			pv.Status.Phase = corev1.VolumeReleased
			if _, err := w.api.CoreV1().PersistentVolumes().Update(t.Context(), pv, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			w.pass(100 * time.Millisecond)

			_, err := os.Stat(dir)
			if there := err == nil; there != kept {
				t.Errorf("%s: the data is there: %v, want %v", policy, there, kept)
			}
			if there := w.volume() != nil; there != kept {
				t.Errorf("%s: the volume is there: %v, want %v", policy, there, kept)
			}
		})
	}
}

// flaky is a backend whose disk is full until it is not.
type flaky struct {
	Directories
	full *atomic.Bool
}

func (f flaky) Create(ctx context.Context, v Volume) (corev1.PersistentVolumeSource, error) {
	if f.full.Load() {
		return corev1.PersistentVolumeSource{}, errors.New("the disk is full")
	}
	return f.Directories.Create(ctx, v)
}

func TestFailureIsToldAndTriedAgain(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	inWorld(t, flaky{NewDirectories(t.TempDir()), &full}, nil, func(w world) {
		w.claim(scheduled("data-web-0"))
		if got := w.warning(); got != "the disk is full" {
			t.Errorf("warning %q, want the backend's words", got)
		}
		w.pass(5 * time.Minute)
		full.Store(false)
		w.pass(lastRetry)
		if w.volume() == nil {
			t.Error("no volume although there is room again")
		}
	})
}

func TestWhatNoDirectoryCanBeIsRefused(t *testing.T) {
	for want, edit := range map[string]func(*corev1.PersistentVolumeClaim){
		"remove spec.selector":   func(c *corev1.PersistentVolumeClaim) { c.Spec.Selector = &metav1.LabelSelector{} },
		"remove spec.dataSource": func(c *corev1.PersistentVolumeClaim) { c.Spec.DataSource = &corev1.TypedLocalObjectReference{} },
		"remove spec.volumeAttributesClassName": func(c *corev1.PersistentVolumeClaim) {
			c.Spec.VolumeAttributesClassName = ptr.To("gold")
		},
		"does not support block volume": func(c *corev1.PersistentVolumeClaim) {
			c.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
		},
		"set volumeBindingMode: WaitForFirstConsumer": func(c *corev1.PersistentVolumeClaim) {
			c.Spec.StorageClassName = ptr.To("hasty")
			c.Annotations["volume.kubernetes.io/selected-node"] = ""
		},
	} {
		hasty := class()
		hasty.Name = "hasty"
		hasty.VolumeBindingMode = ptr.To(storagev1.VolumeBindingImmediate)
		inWorld(t, NewDirectories(t.TempDir()), []runtime.Object{hasty}, func(w world) {
			c := scheduled("data-web-0")
			edit(c)
			w.claim(c)
			if got := w.warning(); !strings.Contains(got, want) {
				t.Errorf("warning %q, want %q", got, want)
			}
		})
	}
}

func TestClassIsMadeOnceAndThenTheUsers(t *testing.T) {
	edited := class()
	edited.Annotations = map[string]string{defaultClassAnnotation: "false"}
	for _, tc := range []struct {
		name    string
		objects []runtime.Object
		want    string
	}{
		{"missing", nil, "true"},
		{"edited", []runtime.Object{edited}, "false"},
	} {
		inWorld(t, NewDirectories(t.TempDir()), tc.objects, func(w world) {
			got, err := w.api.StorageV1().StorageClasses().Get(t.Context(), "local", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Annotations[defaultClassAnnotation] != tc.want {
				t.Errorf("%s: is-default-class %q, want %q", tc.name, got.Annotations[defaultClassAnnotation], tc.want)
			}
			if *got.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer {
				t.Errorf("%s: binding mode %s", tc.name, *got.VolumeBindingMode)
			}
		})
	}
}
