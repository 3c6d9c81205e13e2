package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/apiclient"
	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/version"
)

const (
	// newSpaceEvery is how long a namespace may wait for the first test write.
	newSpaceEvery = time.Second
	// recordEvery is how often the record is written at most.
	recordEvery = time.Second
	// recordRetry is the pause after a try that failed.
	recordRetry = 15 * time.Second
)

// prober makes the test writes.
type prober struct {
	own      client.Client // as this controller
	intruder client.Client // as the in-tree controller
}

func newProber(config *rest.Config) (*prober, error) {
	scheme, err := kinds.Scheme()
	if err == nil {
		err = authorizationv1.AddToScheme(scheme)
	}
	if err != nil {
		return nil, err
	}
	mapper, err := kinds.Mapper(nil, nil)
	if err != nil {
		return nil, err
	}
	p := &prober{}
	if p.own, err = client.New(config, client.Options{Scheme: scheme, Mapper: mapper}); err == nil {
		p.intruder, err = client.New(apiclient.AsInTree(config), client.Options{Scheme: scheme, Mapper: mapper})
	}
	return p, err
}

// Probe implements interlock.Prober.
func (p *prober) Probe(ctx context.Context, namespace, set string) error {
	return p.intruder.Create(ctx, fence.Probe(namespace, set), client.DryRunAll)
}

// MayWrite implements interlock.Prober. One permission stands for all: they are granted
// together.
func (p *prober) MayWrite(ctx context.Context, namespace string) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "create", Resource: "pods"},
	}}
	if err := p.own.Create(ctx, review); err != nil {
		return err
	}
	if !review.Status.Allowed {
		return apierrors.NewForbidden(corev1.Resource("pods"), "", errors.New("the RoleBinding ordinal-controller is missing there (kubectl ordinal take "+namespace+" makes it)"))
	}
	return nil
}

// fenceProof makes the test writes when they are due. Only the leader does.
type fenceProof struct {
	interlock *interlock.Interlock
	prober    interlock.Prober
}

// Start implements manager.Runnable.
func (f fenceProof) Start(ctx context.Context) error {
	for {
		again := f.interlock.Probe(ctx, f.prober)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(again, newSpaceEvery)):
		}
	}
}

// recordKeeper writes the record when it has changed. Only the leader does.
type recordKeeper struct {
	interlock *interlock.Interlock
	cache     *snapshot.Cache
	client    client.Client
	namespace string
	changed   <-chan struct{}
	shown     report.Fence
	keep      bool // or only show it in the metrics
	logger    logr.Logger
}

// Start implements manager.Runnable.
func (r recordKeeper) Start(ctx context.Context) error {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for pending, notBefore := true, time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-r.changed:
			pending, notBefore = true, time.Now()
			continue
		case <-tick.C:
		}
		if !pending || time.Now().Before(notBefore) {
			continue
		}
		pending = false
		record := r.interlock.Record(version.Ordinal(), r.names)
		r.shown.Record(&record)
		if err := r.write(ctx, &record); err != nil && ctx.Err() == nil {
			r.logger.Error(err, "how the namespaces stand cannot be recorded for kubectl ordinal")
			pending, notBefore = true, time.Now().Add(recordRetry)
		}
	}
}

func (r recordKeeper) names(namespace string) (names []string) {
	for _, set := range r.cache.SetsIn(namespace) {
		names = append(names, set.Name)
	}
	return names
}

// write replaces the ConfigMap, or makes it.
func (r recordKeeper) write(ctx context.Context, record *fence.Record) error {
	if !r.keep {
		return nil
	}
	to := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: fence.RecordName}}
	if err := record.Write(to); err != nil {
		return err
	}
	err := r.client.Update(ctx, to.DeepCopy())
	if apierrors.IsNotFound(err) {
		err = r.client.Create(ctx, to)
	}
	if err != nil {
		return fmt.Errorf("write ConfigMap %s/%s: %w", r.namespace, fence.RecordName, err)
	}
	return nil
}
