package volumes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// Backend makes and deletes the storage behind volumes.
type Backend interface {
	// Create makes the storage of v and returns how a pod's node finds it.
	// Storage of v that is there already is kept as it is. An error is
	// shown to the owner of the claim and Create called again, with
	// back-off.
	Create(ctx context.Context, v Volume) (corev1.PersistentVolumeSource, error)
	// Delete deletes the storage of v, which Create said is at source.
	// Storage that is gone already is no error.
	Delete(ctx context.Context, v Volume, source corev1.PersistentVolumeSource) error
	// Grow makes room for v, which Create said is at source, to be larger by more
	// bytes, and v.Bytes large; it may be so already. A note is for the owner of the
	// claim, who has got what was asked for and has to know more. An error is shown
	// there too: nothing has changed then, and Grow is called again, with back-off.
	Grow(ctx context.Context, v Volume, source corev1.PersistentVolumeSource, more int64) (note string, err error)
}

// Volume is what a backend knows of the claim it serves.
type Volume struct {
	Namespace string
	Claim     string
	UID       string // of the claim
	Bytes     int64  // asked for; zero when unknown, as in Delete
}

// volumeOf is the volume of that size of a claim.
func volumeOf(claim *corev1.PersistentVolumeClaim, size resource.Quantity) Volume {
	return Volume{Namespace: claim.Namespace, Claim: claim.Name, UID: string(claim.UID), Bytes: size.Value()}
}

// Config says what to serve.
type Config struct {
	// Client reaches the API server. Its rate limits are ignored.
	Client  *rest.Config
	Backend Backend
	Log     logr.Logger
}

// Provisioner serves the claims of class local. It is a part of the cluster:
// Name, Run, Ready.
type Provisioner struct {
	client    kubernetes.Interface
	caches    informers.SharedInformerFactory // of claims
	provision *controller.ProvisionController
	grow      *grower
	log       logr.Logger
	serving   atomic.Bool
}

// New makes a provisioner, which can be run once and as long as ctx lasts. Nothing
// is contacted before Run.
//
// No client of Kubernetes may be at work in the process meanwhile: the library
// registers types in the scheme that all of them read without a lock.
func New(ctx context.Context, cfg Config) (*Provisioner, error) {
	client := rest.CopyConfig(cfg.Client)
	client.QPS = -1
	clientset, err := kubernetes.NewForConfig(client)
	if err != nil {
		return nil, fmt.Errorf("volumes: client: %w", err)
	}
	return newProvisioner(klog.NewContext(ctx, cfg.Log), clientset, cfg)
}

func newProvisioner(ctx context.Context, client kubernetes.Interface, cfg Config) (*Provisioner, error) {
	caches := informers.NewSharedInformerFactory(client, controller.DefaultResyncPeriod)
	claims := caches.Core().V1().PersistentVolumeClaims().Informer()
	grow, err := newGrower(client, cfg.Backend, claims, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("volumes: %w", err)
	}
	return &Provisioner{
		client: client, caches: caches, grow: grow, log: cfg.Log,
		provision: newProvisionController(ctx, client, claims, cfg.Backend),
	}, nil
}

func newProvisionController(ctx context.Context, client kubernetes.Interface, claims cache.SharedIndexInformer, backend Backend) *controller.ProvisionController {
	return controller.NewProvisionController(ctx, client, ProvisionerName, library{backend},
		controller.ClaimsInformer(claims),
		controller.LeaderElection(false), // there is one cluster a machine
		controller.Threadiness(workers),
		controller.RateLimiter(retries()),
		controller.CreateProvisionedPVLimiter(retries()),
		controller.FailedProvisionThreshold(0), // a full disk is emptied some day
		controller.FailedDeleteThreshold(0),
		controller.AddFinalizer(true), // deleting the volume object first must not leave data behind
	)
}

// Name is the part's name in progress lines and errors.
func (p *Provisioner) Name() string { return "volumes" }

// Ready returns nil once the storage class exists and claims are served.
func (p *Provisioner) Ready(context.Context) error {
	if !p.serving.Load() {
		return errors.New("the storage class is not there yet")
	}
	return nil
}

// How a failed claim or volume is tried again: at first quickly, as the
// reason is often a cache that is a moment behind. The library's own first
// retry is after 15 s.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// workers is how many claims, and how many volumes, are served at once.
const workers = 8

// Run keeps the storage class and serves claims until ctx ends.
func (p *Provisioner) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, p.log)
	if err := ensureClass(ctx, p.client, p.log); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("volumes: %w", err)
	}
	var working sync.WaitGroup
	p.provision.ControllerWaitGroup(&working)
	p.caches.Start(ctx.Done())
	defer p.caches.Shutdown()
	working.Go(func() { p.grow.run(ctx) })
	working.Go(func() { p.offerGrowth(ctx) })
	p.serving.Store(true)
	defer p.serving.Store(false)
	p.provision.Run(ctx)
	working.Wait()
	return nil
}

func retries() workqueue.TypedRateLimiter[string] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)
}

// library puts a backend behind the interface of the provisioner library.
type library struct{ backend Backend }

// Provision implements controller.Provisioner.
func (l library) Provision(ctx context.Context, o controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if err := servable(o); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	size := o.PVC.Spec.Resources.Requests[corev1.ResourceStorage]
	source, err := l.backend.Create(ctx, volumeOf(o.PVC, size))
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	mode := corev1.PersistentVolumeFilesystem
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			AccessModes:                   o.PVC.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			MountOptions:                  o.StorageClass.MountOptions,
			VolumeMode:                    &mode,
			PersistentVolumeSource:        source,
			NodeAffinity:                  onNode(o.SelectedNodeName),
		},
	}, controller.ProvisioningFinished, nil
}

// servable returns a sentence for the claim's owner when the claim asks for
// what no directory or device on this machine is. (Block volumes are refused
// by the library.)
func servable(o controller.ProvisionOptions) error {
	switch {
	case o.SelectedNodeName == "":
		return fmt.Errorf("StorageClass %s binds before a pod has a node, which local volumes cannot; set volumeBindingMode: WaitForFirstConsumer", o.StorageClass.Name)
	case o.PVC.Spec.Selector != nil:
		return errors.New("a new volume has no labels to select it by; remove spec.selector from the claim")
	case o.PVC.Spec.DataSource != nil || o.PVC.Spec.DataSourceRef != nil:
		return errors.New("local volumes cannot be made from a snapshot or another claim; remove spec.dataSource from the claim")
	case ptr.Deref(o.PVC.Spec.VolumeAttributesClassName, "") != "":
		return errors.New("local volumes have no attributes that a class could set; remove spec.volumeAttributesClassName from the claim")
	}
	return nil
}

// Delete implements controller.Provisioner.
func (l library) Delete(ctx context.Context, pv *corev1.PersistentVolume) error {
	claim := pv.Spec.ClaimRef
	if claim == nil {
		return fmt.Errorf("volume %s names no claim, so which data is its own is not known; delete the volume by hand", pv.Name)
	}
	return l.backend.Delete(ctx, Volume{
		Namespace: claim.Namespace, Claim: claim.Name, UID: string(claim.UID),
	}, pv.Spec.PersistentVolumeSource)
}

// onNode ties a volume to the node its pod was scheduled to.
func onNode(name string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{name},
			}},
		}},
	}}
}
