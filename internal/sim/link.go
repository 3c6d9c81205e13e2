package sim

import (
	"context"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// link is a controller's connection to the API server, on which a request takes
// its time and may fail in every way that requests fail. It is also its clock. The
// methods of client.Client that the controller does not use panic.
type link struct {
	client.Client
	i *instance
}

// Now implements clock.PassiveClock.
func (l link) Now() time.Time { return l.i.w.now.Add(l.i.skew) }

// Since implements clock.PassiveClock.
func (l link) Since(t time.Time) time.Duration { return l.Now().Sub(t) }

// write makes a write, unless something goes wrong. done says whether it was
// performed and the answer came.
func (l link) write(what string, object client.Object, perform func() error) error {
	i, w := l.i, l.i.w
	faults := w.script.Faults
	if w.calm {
		faults = Faults{}
	}
	i.fenceSent = i.fenceSeen
	l.travel()
	switch chance := w.rand("writes").IntN(1000); {
	case chance < faults.Refused:
		return l.failed(what, object, "is refused", refusal(chance))
	case chance < faults.Refused+faults.TimedOut:
		return l.failed(what, object, "gets lost on the way", lost())
	}
	before := w.api.Version()
	err := w.as(i, perform)
	if err == nil {
		w.counts.Writes++
		for version := before + 1; version <= w.api.Version(); version++ { // none if it changes nothing, and two of an eviction
			i.ownSince[version] = apiserver.KindOf(object)
		}
	} else {
		w.counts.Refused++
		w.tell("cannot %s %s: %v", what, object.GetName(), err)
	}
	l.travel()
	switch chance := w.rand("answers").IntN(1000); {
	case chance < faults.Crash:
		w.counts.Faults++
		w.restartSoon(i, "stops right after it has sent: "+what+" "+object.GetName())
		panic(stopped{i})
	case err == nil && chance < faults.Crash+faults.Lost:
		return l.failed(what, object, "succeeds, and the answer gets lost", lost())
	}
	return err
}

// travel lets the time pass that a message takes; the process may be stopped
// meanwhile.
func (l link) travel() {
	if w := l.i.w; w.rand("travel").IntN(3) == 0 {
		most := 20 * time.Millisecond
		if !w.calm {
			most = max(most, w.script.Faults.Slow)
		}
		w.pass(w.between("travel", 0, most))
	}
	if l.i.dead || l.i.w.judge.broken != nil {
		panic(stopped{l.i})
	}
}

func (l link) failed(what string, object client.Object, how string, err error) error {
	l.i.w.counts.Faults++
	l.i.w.tell("its request to %s %s %s", what, object.GetName(), how)
	return err
}

func refusal(chance int) error {
	if chance%2 == 0 {
		return apierrors.NewTooManyRequests("too many requests", 1)
	}
	return apierrors.NewInternalError(fmt.Errorf("the store is not there"))
}

func lost() error { return context.DeadlineExceeded }

func (l link) Create(_ context.Context, o client.Object, options ...client.CreateOption) error {
	if len((&client.CreateOptions{}).ApplyOptions(options).DryRun) > 0 {
		if err := l.read(); err != nil {
			return err
		}
		return l.i.w.api.DryRun(o)
	}
	return l.write("create", o, func() error { return l.i.w.api.Create(o) })
}

func (l link) Delete(_ context.Context, o client.Object, options ...client.DeleteOption) error {
	return l.write("delete", o, func() error {
		return l.i.w.api.Delete(apiserver.KindOf(o), client.ObjectKeyFromObject(o), (&client.DeleteOptions{}).ApplyOptions(options))
	})
}

func (l link) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	return l.write("patch", o, func() error { return l.i.w.api.Patch(o, p.Type(), data) })
}

func (l link) Status() client.SubResourceWriter { return statusLink{link: l} }

// statusLink writes status.
type statusLink struct {
	client.SubResourceWriter
	link link
}

func (l statusLink) Update(_ context.Context, o client.Object, _ ...client.SubResourceUpdateOption) error {
	return l.link.write("write the status of", o, func() error { return l.link.i.w.api.UpdateStatus(o) })
}

// SubResource is asked for evictions, and for other resources of pods.
func (l link) SubResource(string) client.SubResourceClient { return podLink{link: l} }

// podLink evicts pods, and resizes them.
type podLink struct {
	client.SubResourceClient
	link link
}

func (l podLink) Patch(_ context.Context, pod client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
	data, err := p.Data(pod)
	if err != nil {
		return err
	}
	return l.link.write("resize", pod, func() error { return l.link.i.w.api.Resize(pod, data) })
}

func (l podLink) Create(_ context.Context, pod, eviction client.Object, _ ...client.SubResourceCreateOption) error {
	return l.link.write("evict", pod, func() error { return l.link.i.w.api.Evict(eviction.(*policyv1.Eviction)) })
}

// Get reads what is so now.
func (l link) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if err := l.read(); err != nil {
		return err
	}
	if volume, ok := into.(*corev1.PersistentVolume); ok {
		return l.i.w.driver.volume(key.Name, volume)
	}
	object, err := l.i.w.api.Get(apiserver.KindOf(into), key)
	if err != nil {
		return err
	}
	switch into := into.(type) {
	case *appsv1.StatefulSet:
		object.(*appsv1.StatefulSet).DeepCopyInto(into)
	case *appsv1.ControllerRevision:
		object.(*appsv1.ControllerRevision).DeepCopyInto(into)
	case *corev1.Pod:
		object.(*corev1.Pod).DeepCopyInto(into)
	case *corev1.PersistentVolumeClaim:
		object.(*corev1.PersistentVolumeClaim).DeepCopyInto(into)
	case *corev1.Service:
		object.(*corev1.Service).DeepCopyInto(into)
	default:
		return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: fmt.Sprintf("%T", into)}, "get")
	}
	return nil
}

// List lists what is so now, with its version.
func (l link) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	if _, ok := into.(*v1alpha1.StatefulSetPolicyList); ok && !l.i.w.judge.ruled {
		return nil // without taking time, so that a history without policies is what it was before there were any
	}
	if err := l.read(); err != nil {
		return err
	}
	wanted := (&client.ListOptions{}).ApplyOptions(options)
	if wanted.LabelSelector == nil {
		wanted.LabelSelector = labels.Everything()
	}
	into.SetResourceVersion(strconv.FormatInt(l.i.w.api.Version(), 10))
	switch into := into.(type) {
	case *appsv1.StatefulSetList: // only its version is asked for
	case *corev1.NamespaceList:
		into.Items = append(into.Items, l.i.w.theNamespace())
	case *v1alpha1.StatefulSetPolicyList:
		for _, object := range l.i.w.api.List(policies, wanted.Namespace) {
			into.Items = append(into.Items, *object.(*v1alpha1.StatefulSetPolicy))
		}
	case *corev1.PodList:
		for _, object := range l.i.w.api.List(pods, wanted.Namespace) {
			if wanted.LabelSelector.Matches(labels.Set(object.GetLabels())) {
				into.Items = append(into.Items, *object.(*corev1.Pod))
			}
		}
	case *corev1.ServiceList:
		for _, object := range l.i.w.api.List(services, wanted.Namespace) {
			if wanted.LabelSelector.Matches(labels.Set(object.GetLabels())) {
				into.Items = append(into.Items, *object.(*corev1.Service))
			}
		}
	default:
		return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: fmt.Sprintf("%T", into)}, "list")
	}
	return nil
}

// read is what may go wrong with a read.
func (l link) read() error {
	l.travel()
	if w := l.i.w; !w.calm && w.rand("reads").IntN(1000) < w.script.Faults.TimedOut {
		w.counts.Faults++
		w.tell("gets no answer to what it asks")
		return lost()
	}
	return nil
}
