package cluster

import (
	"net"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/cluster/controlplane"
	"ordinal.dev/ordinal/internal/cluster/etcd"
	"ordinal.dev/ordinal/internal/cluster/node"
	"ordinal.dev/ordinal/internal/cluster/pki"
	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
	"ordinal.dev/ordinal/internal/cluster/volumes"
)

// storeStage is what needs no API: the store, and what runs containers.
func (c *Cluster) storeStage() ([]supervisor.Part, error) {
	parts := []supervisor.Part{etcd.New(c.layout.Etcd(), c.layout.EtcdSocket(), c.layout.Log("etcd"))}
	if c.cfg.simulated() {
		return parts, nil
	}
	return append(parts, &node.Containerd{
		Layout: c.layout, PodCIDR: c.cfg.PodCIDR, Sandbox: "ordinal.dev/pause:1", Logger: c.log.WithName("containerd"),
	}), nil
}

func (c *Cluster) apiServer(listener net.Listener) supervisor.Part {
	return &controlplane.APIServer{
		Listener:    listener,
		Etcd:        "unix://" + c.layout.EtcdSocket(),
		PKI:         c.pki,
		ServiceCIDR: c.cfg.ServiceCIDR,
		Domain:      c.cfg.Domain,
		Kubeconfig:  c.layout.Kubeconfig(),
		Advertise:   !c.cfg.simulated(),
		AuditPolicy: c.cfg.AuditPolicy,
		AuditLog:    c.cfg.AuditLog,
	}
}

// workStage is what works through the API.
func (c *Cluster) workStage(ca *pki.Authority, admin *rest.Config) ([]supervisor.Part, error) {
	parts := []supervisor.Part{
		&controlplane.Controllers{
			Kubeconfig:         c.layout.KubeconfigFor(controlplane.ControllersCert),
			PKI:                c.pki,
			ServiceCIDR:        c.cfg.ServiceCIDR,
			InTreeStatefulSets: c.cfg.StatefulSets == ByInTree,
		},
		&controlplane.Scheduler{
			Kubeconfig: c.layout.KubeconfigFor(controlplane.SchedulerCert),
			ConfigFile: c.layout.SchedulerConfig(),
		},
	}
	storage, err := c.volumes()
	if err != nil {
		return nil, err
	}
	parts = append(parts, storage)
	if c.cfg.simulated() {
		nodes, err := simnode.New(simnode.Config{Client: admin, Nodes: c.cfg.SimulatedNodes, PodCIDR: c.cfg.PodCIDR, Log: c.log.WithName("nodes")})
		if err != nil {
			return nil, err
		}
		return append(parts, nodes), nil
	}
	parts = append(parts, &node.Kubelet{
		Layout:     c.layout,
		PKI:        c.pki,
		Authority:  ca.CertFile(),
		Kubeconfig: c.layout.KubeconfigFor(node.KubeletCert),
		Address:    c.cfg.address(),
		Port:       c.cfg.KubeletPort,
		Domain:     c.cfg.Domain,
		DNS:        c.cfg.address(),
	})
	if node.HasNFT() {
		parts = append(parts, &node.Proxy{Kubeconfig: c.layout.KubeconfigFor(proxyIdentity), PodCIDR: c.cfg.PodCIDR, Address: c.cfg.address()})
	}
	return parts, nil
}

func (c *Cluster) volumes() (supervisor.Part, error) {
	client, err := c.clientOf(volumesIdentity)
	if err != nil {
		return nil, err
	}
	return volumes.New(volumes.Config{
		Client: client, Backend: volumes.NewDirectories(c.layout.Volumes()), Log: c.log.WithName("volumes"),
	})
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
