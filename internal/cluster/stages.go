package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/controlplane"
	"ordinal.dev/ordinal/internal/cluster/dns"
	"ordinal.dev/ordinal/internal/cluster/etcd"
	"ordinal.dev/ordinal/internal/cluster/images"
	"ordinal.dev/ordinal/internal/cluster/node"
	"ordinal.dev/ordinal/internal/cluster/payload"
	"ordinal.dev/ordinal/internal/cluster/pki"
	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
	"ordinal.dev/ordinal/internal/cluster/volumes"
	"ordinal.dev/ordinal/internal/controller"
)

// dnsPort is where resolvers ask; resolv.conf(5) knows no other.
const dnsPort = 53

// storeStage is what needs no API: the store, and what runs containers.
func (c *Cluster) storeStage(ctx context.Context) ([]supervisor.Part, error) {
	parts := []supervisor.Part{etcd.New(c.layout.Etcd(), c.layout.EtcdSocket(), c.layout.Log("etcd"))}
	if c.cfg.Simulated() {
		return parts, nil
	}
	store, err := images.Open(c.layout.Images())
	if err != nil {
		return nil, err
	}
	if err := store.EnsurePause(ctx, filepath.Join(c.layout.Bin(), payload.Pause)); err != nil {
		return nil, fmt.Errorf("making the sandbox image: %w", err)
	}
	tlsConfig, err := c.pki.MutualTLS(registryIdentity, controlplane.AuthorityCert)
	if err != nil {
		return nil, err
	}
	address := netip.AddrPortFrom(c.address(), uint16(c.cfg.ImagesPort)).String()
	mirror := images.Mirror{
		Address: address, CA: c.pki.Cert(controlplane.AuthorityCert),
		Cert: c.pki.Cert(containerdIdentity), Key: c.pki.Key(containerdIdentity),
	}
	if err := mirror.WriteHosts(c.layout.RegistryHosts()); err != nil {
		return nil, err
	}
	return append(parts,
		&images.Registry{Store: store, Address: address, TLS: tlsConfig},
		&node.Containerd{
			Layout: c.layout, PodCIDR: c.cfg.PodCIDR, Sandbox: images.PauseImage, Logger: c.log.WithName("containerd"),
			Report: c.containerdServes,
		}), nil
}

// containerdServes notes that containerd serves again, or why it does not.
func (c *Cluster) containerdServes(err error) {
	e := supervisor.Event{Part: "containerd", Phase: supervisor.Ready, At: time.Now(), Err: err}
	if err != nil {
		e.Phase = supervisor.Starting
	}
	c.journal.part(e)
}

// offerImages has containerd take what was loaded while it was down, so that
// pods that never pull find it.
func (c *Cluster) offerImages() {
	store, err := images.Open(c.layout.Images())
	if err != nil {
		c.log.Error(err, "loaded images are not offered to containerd")
		return
	}
	list, err := store.List()
	if err != nil {
		c.log.Error(err, "loaded images are not offered to containerd")
		return
	}
	var names []string
	for _, image := range list {
		names = append(names, image.Name)
	}
	if err := images.Pull(context.Background(), c.layout.ContainerdSocket(), names...); err != nil {
		c.log.Error(err, "some loaded images are not offered to containerd")
	}
}

func (c *Cluster) apiServer(listener net.Listener) supervisor.Part {
	return &controlplane.APIServer{
		Listener:      listener,
		Etcd:          "unix://" + c.layout.EtcdSocket(),
		PKI:           c.pki,
		ServiceCIDR:   c.cfg.ServiceCIDR,
		Domain:        c.cfg.Domain,
		Kubeconfig:    c.layout.Kubeconfig(),
		Advertise:     !c.cfg.Simulated(),
		AuditPolicy:   c.cfg.AuditPolicy,
		AuditLog:      c.cfg.AuditLog,
		EnforceOwners: c.cfg.EnforceOwners,
	}
}

// workers are what could start a container, or have one started; storage is one of them
// that had to be made before. They end before the pods do.
func (c *Cluster) workers(ca *pki.Authority, admin *rest.Config, storage supervisor.Part) ([]supervisor.Part, error) {
	parts := []supervisor.Part{
		&controlplane.Controllers{
			Kubeconfig:   c.layout.KubeconfigFor(controlplane.ControllersCert),
			PKI:          c.pki,
			ServiceCIDR:  c.cfg.ServiceCIDR,
			StatefulSets: c.cfg.StatefulSetController == config.InTree,
		},
		&controlplane.Scheduler{
			Kubeconfig: c.layout.KubeconfigFor(controlplane.SchedulerCert),
			ConfigFile: c.layout.SchedulerConfig(),
		},
		storage,
	}
	if c.cfg.StatefulSetController == config.Ordinal {
		sets, err := c.statefulSets()
		if err != nil {
			return nil, err
		}
		parts = append(parts, sets)
	}
	if c.cfg.Simulated() {
		nodes, err := simnode.New(simnode.Config{Client: admin, Nodes: c.cfg.SimulatedNodes, PodCIDR: c.cfg.PodCIDR, Log: c.log.WithName("nodes")})
		if err != nil {
			return nil, err
		}
		return append(parts, nodes), nil
	}
	return append(parts, node.NewKubelet(node.Kubelet{
		Layout:     c.layout,
		PKI:        c.pki,
		Authority:  ca.CertFile(),
		Kubeconfig: c.layout.KubeconfigFor(node.KubeletCert),
		Address:    c.address(),
		Port:       c.cfg.KubeletPort,
		Domain:     c.cfg.Domain,
		DNS:        c.address(),
		ClientCert: controlplane.KubeletClientCert,
	})), nil
}

// network is what pods ask, beside the API server, until they have ended: names and
// Services.
func (c *Cluster) network() ([]supervisor.Part, error) {
	if c.cfg.Simulated() {
		return nil, nil
	}
	names, err := c.names()
	if err != nil {
		return nil, err
	}
	parts := []supervisor.Part{names}
	if node.LacksForServices() == "" {
		parts = append(parts, &node.Proxy{Kubeconfig: c.layout.KubeconfigFor(proxyIdentity), PodCIDR: c.cfg.PodCIDR})
	}
	return parts, nil
}

func (c *Cluster) volumes(ctx context.Context) (supervisor.Part, error) {
	client, err := c.clientOf(volumesIdentity)
	if err != nil {
		return nil, err
	}
	return volumes.New(ctx, volumes.Config{
		Client: client, Backend: volumes.NewDirectories(c.layout.Volumes()), Log: c.log.WithName("volumes"),
	})
}

func (c *Cluster) names() (supervisor.Part, error) {
	client, err := c.clientOf(dnsIdentity)
	if err != nil {
		return nil, err
	}
	return dns.New(dns.Config{
		Client:     client,
		Address:    netip.AddrPortFrom(c.address(), dnsPort),
		Domain:     c.cfg.Domain,
		Ranges:     []netip.Prefix{c.cfg.PodCIDR, c.cfg.ServiceCIDR},
		ResolvConf: "/etc/resolv.conf",
		Log:        c.log.WithName("dns"),
	}), nil
}

func (c *Cluster) statefulSets() (supervisor.Part, error) {
	client, err := c.clientOf(controllerIdentity)
	if err != nil {
		return nil, err
	}
	options := controller.DefaultOptions()
	options.Logger = c.log.WithName("statefulsets")
	return controller.New(client, options), nil
}

// clientOf is the client configuration of one of the cluster's own clients.
// Its limit is the API server's priority and fairness.
func (c *Cluster) clientOf(identity string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.layout.KubeconfigFor(identity))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}
