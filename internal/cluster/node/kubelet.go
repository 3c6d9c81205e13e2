package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
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

// KubeletCert names the kubelet's serving certificate.
const KubeletCert = "kubelet"

// Kubelet is the node agent.
type Kubelet struct {
	Layout     layout.Layout
	PKI        pki.Dir
	Authority  string // certificate file of who signs the API server's client certificate
	Kubeconfig string
	Address    netip.Addr
	Port       int
	Domain     string
	DNS        netip.Addr
}

// Name implements supervisor.Part.
func (k *Kubelet) Name() string { return "kubelet" }

// Ready implements supervisor.Part: the node's own condition says it.
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
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			if c.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("the node is not ready: %s", c.Message)
		}
	}
	return errors.New("the node has not reported yet")
}

// Run implements supervisor.Part.
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

	c.ContainerRuntimeEndpoint = "unix://" + k.Layout.ContainerdSocket()
	c.CgroupDriver, c.CgroupRoot = "cgroupfs", Cgroup
	c.FailCgroupV1, c.FailSwapOn = false, false
	c.PodLogsDir = k.Layout.PodLogs()
	c.VolumePluginDir = filepath.Join(k.Layout.Kubelet(), "plugins-exec")
	c.MakeIPTablesUtilChains = false

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
