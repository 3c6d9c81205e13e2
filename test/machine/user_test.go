package machine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// A user changes one StatefulSet again and again, and remembers what the API
// server has acknowledged.
type user struct {
	name   string
	adapt  func(*appsv1.StatefulSet) // what is special about this one's set
	random *rand.Rand

	acked   intent
	perhaps *intent // a request that got no answer: it may have been carried out
}

// An intent is what of a set a user decides.
type intent struct {
	uid      types.UID // of the set; "" is for none yet
	exists   bool
	orphans  bool // the set went and left its pods
	replicas int32
	image    string
}

func (i intent) String() string {
	if !i.exists {
		return "no set"
	}
	return fmt.Sprintf("set %s with %d replicas of %s", i.uid, i.replicas, i.image)
}

var images = []string{"my-image", "my-image:2"}

// work makes one change after the other until it is told to stop or an answer is
// lost. A change that is under way is finished: its answer counts.
func (u *user) work(stop <-chan struct{}, client kubernetes.Interface, namespace string) {
	for u.perhaps == nil && pause(stop, time.Duration(200+u.random.IntN(1300))*time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
		u.change(ctx, client, namespace)
		cancel()
	}
}

// answerWithin is how long an answer may take before it counts as lost.
const answerWithin = 5 * time.Second

// pause lets some time pass, unless it is stopped first.
func pause(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-time.After(d):
		return true
	}
}

// change makes one request. What the server refuses has not been done; what it
// does not answer may have been.
func (u *user) change(ctx context.Context, client kubernetes.Interface, namespace string) {
	next, request := u.decide(client, namespace)
	uid, err := request(ctx)
	refused := apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) || apierrors.IsInvalid(err)
	switch {
	case err == nil:
		next.uid = uid
		u.acked = next
	case !refused:
		u.perhaps = &next
	}
}

// A request returns the UID of the set that it leaves.
type request func(context.Context) (types.UID, error)

func (u *user) decide(client kubernetes.Interface, namespace string) (intent, request) {
	sets, next := client.AppsV1().StatefulSets(namespace), u.acked
	if !u.acked.exists {
		next = intent{exists: true, replicas: 1 + u.random.Int32N(3), image: images[u.random.IntN(len(images))]}
		return next, func(ctx context.Context) (types.UID, error) {
			set, err := sets.Create(ctx, u.manifest(next), metav1.CreateOptions{})
			return set.GetUID(), err
		}
	}
	switch dice := u.random.IntN(10); {
	case dice < 4:
		next.replicas = u.random.Int32N(5)
	case dice < 7:
		next.image = images[u.random.IntN(len(images))]
	case dice < 8:
		return next, func(ctx context.Context) (types.UID, error) {
			pod := fmt.Sprintf("%s-%d", u.name, u.random.IntN(3))
			return next.uid, client.CoreV1().Pods(namespace).Delete(ctx, pod, metav1.DeleteOptions{})
		}
	default:
		return u.deletion(client, namespace)
	}
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d,"template":{"spec":{"containers":[{"name":"counter","image":%q}]}}}}`, next.replicas, next.image)
	return next, func(ctx context.Context) (types.UID, error) {
		set, err := sets.Patch(ctx, u.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return set.GetUID(), err
	}
}

func (u *user) deletion(client kubernetes.Interface, namespace string) (intent, request) {
	cascades := []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan}
	cascade := cascades[u.random.IntN(len(cascades))]
	next := intent{orphans: cascade == metav1.DeletePropagationOrphan}
	return next, func(ctx context.Context) (types.UID, error) {
		return "", client.AppsV1().StatefulSets(namespace).Delete(ctx, u.name, metav1.DeleteOptions{
			PropagationPolicy: &cascade, Preconditions: &metav1.Preconditions{UID: &u.acked.uid},
		})
	}
}

// recall compares what is there with what was acknowledged. An answer that was
// lost is given by what is there.
func (u *user) recall(set *appsv1.StatefulSet) error {
	if u.perhaps != nil && u.perhaps.is(set) {
		u.acked = *u.perhaps
		u.acked.uid = ""
		if set != nil {
			u.acked.uid = set.UID
		}
	}
	expected := u.acked.String()
	if u.perhaps != nil {
		expected += ", or " + u.perhaps.String()
	}
	u.perhaps = nil
	if !u.acked.is(set) {
		return fmt.Errorf("%s: acknowledged is %s, and there is %s", u.name, expected, seen(set))
	}
	return nil
}

// is says whether a set, nil for none, is as the user wanted it.
func (i intent) is(set *appsv1.StatefulSet) bool {
	if set == nil || set.DeletionTimestamp != nil {
		return !i.exists
	}
	return i.exists && (i.uid == "" || i.uid == set.UID) &&
		i.replicas == *set.Spec.Replicas && i.image == set.Spec.Template.Spec.Containers[0].Image
}

func seen(set *appsv1.StatefulSet) intent {
	if set == nil || set.DeletionTimestamp != nil {
		return intent{}
	}
	return intent{uid: set.UID, exists: true, replicas: *set.Spec.Replicas, image: set.Spec.Template.Spec.Containers[0].Image}
}

// manifest is examples/counter.yaml under the user's name.
func (u *user) manifest(i intent) *appsv1.StatefulSet {
	labels := map[string]string{"app": u.name}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: u.name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &i.replicas, ServiceName: u.name, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "counter", Image: i.image,
					VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
					ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
						HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)},
					}},
				}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Mi")}},
				},
			}},
		},
	}
	u.adapt(set)
	return set
}
