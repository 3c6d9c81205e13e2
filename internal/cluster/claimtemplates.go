package cluster

import (
	"context"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/fence"
)

// acceptClaimTemplates has the API server take changed claim templates of StatefulSets, as
// this version's controller carries them out. Another controller would not: there, what an
// earlier start has installed for this goes.
//
// Nothing waits for it. Until it is in force, the API server refuses such a change.
func (c *Cluster) acceptClaimTemplates(ctx context.Context, client kubernetes.Interface) {
	change := putClaimAdmission
	if c.cfg.StatefulSetController != config.Ordinal {
		change = removeClaimAdmission
	}
	go c.untilDone(ctx, "admission policies "+claimadmission.Name, func() error { return change(ctx, client) })
}

// putClaimAdmission makes the policies before the bindings, without which they do nothing,
// and first the one that refuses: without it, the other one would seem to accept everything.
func putClaimAdmission(ctx context.Context, client kubernetes.Interface) error {
	admission := client.AdmissionregistrationV1()
	if err := put(ctx, admission.ValidatingAdmissionPolicies(), claimadmission.Refusing(),
		func(p *admissionv1.ValidatingAdmissionPolicy) any { return p.Spec }); err != nil {
		return err
	}
	if err := put(ctx, admission.ValidatingAdmissionPolicyBindings(), claimadmission.RefusingBinding(fence.WholeCluster),
		func(b *admissionv1.ValidatingAdmissionPolicyBinding) any { return b.Spec }); err != nil {
		return err
	}
	if err := put(ctx, admission.MutatingAdmissionPolicies(), claimadmission.Recording(fence.WholeCluster),
		func(p *admissionv1.MutatingAdmissionPolicy) any { return p.Spec }); err != nil {
		return err
	}
	return put(ctx, admission.MutatingAdmissionPolicyBindings(), claimadmission.RecordingBinding(fence.WholeCluster),
		func(b *admissionv1.MutatingAdmissionPolicyBinding) any { return b.Spec })
}

// removeClaimAdmission removes them in the opposite order, but for what somebody else has
// installed.
func removeClaimAdmission(ctx context.Context, client kubernetes.Interface) error {
	admission := client.AdmissionregistrationV1()
	if err := remove(ctx, admission.MutatingAdmissionPolicyBindings()); err != nil {
		return err
	}
	if err := remove(ctx, admission.MutatingAdmissionPolicies()); err != nil {
		return err
	}
	if err := remove(ctx, admission.ValidatingAdmissionPolicyBindings()); err != nil {
		return err
	}
	return remove(ctx, admission.ValidatingAdmissionPolicies())
}

func remove[T metav1.Object](ctx context.Context, in objects[T]) error {
	found, err := in.Get(ctx, claimadmission.Name, metav1.GetOptions{})
	if err == nil && found.GetLabels()[managedBy] == crd.Manager {
		err = in.Delete(ctx, claimadmission.Name, metav1.DeleteOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
