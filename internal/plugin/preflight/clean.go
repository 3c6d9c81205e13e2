package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// cleanFor is how long cleaning up may take: a namespace goes in a few seconds, where
	// all API services of the cluster answer.
	cleanFor = time.Minute
	// forgotten is how old something of another trial must be for that to have been ended by
	// force: no trial takes that long.
	forgotten = 15 * time.Minute
)

// make makes an object that clean removes.
func (t *Trial) make(ctx context.Context, o client.Object) error {
	err := t.Client.Create(ctx, o)
	if err == nil {
		t.made = append(t.made, o)
	}
	return err
}

// unbind removes the binding, which is what lifts the fence.
func (t *Trial) unbind(ctx context.Context) error {
	for i, o := range t.made {
		if _, ok := o.(*admissionv1.ValidatingAdmissionPolicyBinding); ok {
			t.made = slices.Delete(t.made, i, i+1)
			return client.IgnoreNotFound(t.Client.Delete(ctx, o))
		}
	}
	return nil
}

// clean removes what was made, also where the person has ended the trial; the error says
// what is left, and what removes it.
func (t *Trial) clean(ctx context.Context) error {
	if len(t.made) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanFor)
	defer cancel()
	t.Screen.Wait("cleaning up")
	var left []string
	var errs []error
	for _, o := range slices.Backward(t.made) {
		if err := t.remove(ctx, o); err != nil {
			left, errs = append(left, resourceOf(o)+"/"+o.GetName()), append(errs, err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("not everything could be cleaned up, do it by: kubectl delete %s (%w)", strings.Join(left, " "), errors.Join(errs...))
	}
	t.Screen.Say("✓ all that was made is removed again")
	return nil
}

// remove deletes an object, and waits until it is gone.
func (t *Trial) remove(ctx context.Context, o client.Object) error {
	if err := t.Client.Delete(ctx, o); err != nil {
		return client.IgnoreNotFound(err)
	}
	gone := false
	err := t.poll(ctx, cleanFor, func() (bool, error) {
		err := t.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
		gone = apierrors.IsNotFound(err)
		return gone, client.IgnoreNotFound(err)
	})
	if err == nil && !gone {
		return errors.New("it is being deleted, and not gone yet")
	}
	return err
}

// sweep removes what a trial has left that was ended by force.
func (t *Trial) sweep(ctx context.Context) error {
	for _, list := range []client.ObjectList{
		&admissionv1.ValidatingAdmissionPolicyBindingList{}, &admissionv1.ValidatingAdmissionPolicyList{}, &corev1.NamespaceList{},
	} {
		if err := t.Client.List(ctx, list, client.HasLabels{Label}); err != nil {
			return err
		}
		for _, o := range objectsOf(list) {
			if time.Since(o.GetCreationTimestamp().Time) < forgotten {
				continue
			}
			if err := client.IgnoreNotFound(t.Client.Delete(ctx, o)); err != nil {
				return fmt.Errorf("removing %s/%s, which an earlier trial has left: %w", resourceOf(o), o.GetName(), err)
			}
			t.Screen.Say(fmt.Sprintf("✓ %s/%s, which an earlier trial has left, is removed", resourceOf(o), o.GetName()))
		}
	}
	return nil
}

func objectsOf(list client.ObjectList) []client.Object {
	var objects []client.Object
	switch l := list.(type) {
	case *admissionv1.ValidatingAdmissionPolicyBindingList:
		for i := range l.Items {
			objects = append(objects, &l.Items[i])
		}
	case *admissionv1.ValidatingAdmissionPolicyList:
		for i := range l.Items {
			objects = append(objects, &l.Items[i])
		}
	case *corev1.NamespaceList:
		for i := range l.Items {
			objects = append(objects, &l.Items[i])
		}
	}
	return objects
}

// resourceOf is what kubectl calls an object's kind.
func resourceOf(o client.Object) string {
	switch o.(type) {
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		return "validatingadmissionpolicybinding"
	case *admissionv1.ValidatingAdmissionPolicy:
		return "validatingadmissionpolicy"
	}
	return "namespace"
}
