package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"

	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/pki"
)

// Name is what the node is called. It does not follow the machine's hostname:
// volumes are bound to it, and hostnames of laptops change.
const Name = "ordinal"

// User is who the kubelet is to the API server.
const User = "system:node:" + Name

// KubeletCert names the kubelet's serving certificate.
const KubeletCert = "kubelet"

// NewKubelet returns k with the time from which on a heartbeat is its own.
func NewKubelet(k Kubelet) *Kubelet {
	k.started = time.Now()
	return &k
}

// Kubelet is the node agent. Use NewKubelet.
type Kubelet struct {
	Layout     layout.Layout
	PKI        pki.Dir
	Authority  string // certificate file of who signs the API server's client certificate
	Kubeconfig string
	Address    netip.Addr
	Port       int
	Domain     string
	DNS        netip.Addr
	ClientCert string // with which the API server, and Ready, call the kubelet

	started time.Time
}

// Name implements supervisor.Part.
func (k *Kubelet) Name() string { return "kubelet" }

// Ready implements supervisor.Part: the node says that it is Ready, this
// kubelet said so, and it knows every pod that it has to run. The API may still
// hold what an earlier kubelet said.
func (k *Kubelet) Ready(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", k.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	n, err := client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	switch {
	// Heartbeats are written in whole seconds.
	case i < 0, n.Status.Conditions[i].LastHeartbeatTime.Before(&metav1.Time{Time: k.started.Truncate(time.Second)}):
		return errors.New("the node has not reported yet")
	case n.Status.Conditions[i].Status != corev1.ConditionTrue:
		return fmt.Errorf("the node is not ready: %s", n.Status.Conditions[i].Message)
	}
	return k.knowsPods(ctx, client)
}

func (k *Kubelet) knowsPods(ctx context.Context, api kubernetes.Interface) error {
	bound, err := api.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + Name})
	if err != nil {
		return err
	}
	kubelet, err := kubernetes.NewForConfig(&rest.Config{
		Host: "https://" + netip.AddrPortFrom(k.Address, uint16(k.Port)).String(),
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: k.Authority, CertFile: k.PKI.Cert(k.ClientCert), KeyFile: k.PKI.Key(k.ClientCert),
		},
	})
	if err != nil {
		return err
	}
	var known corev1.PodList
	if err := kubelet.CoreV1().RESTClient().Get().AbsPath("/pods").SetHeader("Accept", "application/json").Do(ctx).Into(&known); err != nil {
		return err
	}
	uids := sets.New[types.UID]()
	for _, p := range known.Items {
		uids.Insert(p.UID)
	}
	for _, p := range bound.Items {
		if !uids.Has(p.UID) {
			return fmt.Errorf("the kubelet has not seen pod %s/%s yet", p.Namespace, p.Name)
		}
	}
	return nil
}

// Run implements supervisor.Part. When it has returned, no container is started any more.
func (k *Kubelet) Run(ctx context.Context) error {
	// Upstream's only knob for a path that is otherwise outside of our
	// data directory.
	kubelet.ContainerLogsDir = filepath.Join(k.Layout.PodLogs(), "containers")
	server, err := options.NewKubeletServer()
	if err != nil {
		return err
	}
	k.setFlags(&server.KubeletFlags)
	k.setConfig(&server.KubeletConfiguration)
	deps, err := app.UnsecuredDependencies(ctx, server, utilfeature.DefaultFeatureGate)
	if err != nil {
		return err
	}
	if err := k.connect(ctx, server, deps); err != nil {
		return err
	}
	cri, err := newCRIProxy(k.Layout.KubeletSocket(), k.Layout.ContainerdSocket())
	if err != nil {
		return err
	}
	// What it has under way goes on until the process ends, but comes to nothing without
	// containerd, and the API does not hear of it.
	defer context.AfterFunc(ctx, cri.Cut)()
	defer cri.Cut()
	return app.Run(ctx, server, deps, utilfeature.DefaultFeatureGate)
}

func (k *Kubelet) setFlags(f *options.KubeletFlags) {
	f.KubeConfig = k.Kubeconfig
	f.HostnameOverride = Name
	f.NodeIP = k.Address.String()
	f.RootDirectory = k.Layout.Kubelet()
	f.CertDirectory = k.Layout.PKI()
}

func (k *Kubelet) setConfig(c *kubeletconfig.KubeletConfiguration) {
	c.Address, c.Port = k.Address.String(), int32(k.Port)
	c.ReadOnlyPort, c.HealthzPort = 0, 0
	c.TLSCertFile, c.TLSPrivateKeyFile = k.PKI.Cert(KubeletCert), k.PKI.Key(KubeletCert)
	c.Authentication.X509.ClientCAFile = k.Authority
	c.Authentication.Anonymous.Enabled = false
	c.Authentication.Webhook.Enabled = true
	c.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeWebhook

	c.ContainerRuntimeEndpoint = "unix://" + k.Layout.KubeletSocket()
	c.CgroupDriver, c.CgroupRoot = "cgroupfs", Cgroup
	c.FailCgroupV1, c.FailSwapOn = false, false
	c.PodLogsDir = k.Layout.PodLogs()
	c.VolumePluginDir = filepath.Join(k.Layout.Kubelet(), "plugins-exec")
	c.MakeIPTablesUtilChains = false
	c.EnableControllerAttachDetach = false // the controller of that name is switched off

	c.ClusterDomain, c.ClusterDNS = k.Domain, []string{k.DNS.String()}
	c.ResolverConfig = k.Layout.ResolvConf()

	c.MaxPods = 250
	c.SerializeImagePulls = false
	c.RegistryPullQPS = 0
	// A laptop's disk is often nearly full without anything being wrong; what
	// evicts a database must be an emergency.
	c.EvictionHard = map[string]string{"memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%"}
	c.ImageGCHighThresholdPercent, c.ImageGCLowThresholdPercent = 100, 99
	// The node's first status report waits for nothing else on one machine.
	c.NodeStatusUpdateFrequency = metav1.Duration{Duration: 10 * time.Second}
}
