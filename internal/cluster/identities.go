package cluster

import (
	"fmt"
	"time"

	"ordinal.dev/ordinal/internal/cluster/controlplane"
	"ordinal.dev/ordinal/internal/cluster/node"
	"ordinal.dev/ordinal/internal/cluster/pki"
)

// The cluster's own clients that upstream has no name for.
const (
	adminIdentity      = "admin"
	proxyIdentity      = "kube-proxy"
	controllerIdentity = "ordinal-controller"
	dnsIdentity        = "ordinal-dns"
	volumesIdentity    = "ordinal-volumes"
	registryIdentity   = "registry"
	containerdIdentity = "containerd"
)

// makeIdentities makes every certificate and kubeconfig of the cluster.
func (c *Cluster) makeIdentities() (*pki.Authority, error) {
	ca, err := c.pki.Authority(controlplane.AuthorityCert, "ordinal")
	if err != nil {
		return nil, err
	}
	front, err := c.pki.Authority(controlplane.FrontProxyCA, "ordinal front proxy")
	if err != nil {
		return nil, err
	}
	if err := front.Issue(pki.Leaf{Name: controlplane.FrontProxyCert, User: controlplane.FrontProxyCert}); err != nil {
		return nil, err
	}
	if err := c.pki.ServiceAccountKey(controlplane.ServiceAccountKey); err != nil {
		return nil, err
	}
	for _, leaf := range c.leaves() {
		if err := ca.Issue(leaf); err != nil {
			return nil, err
		}
	}
	clients := []string{adminIdentity, controlplane.ControllersCert, controlplane.SchedulerCert, node.KubeletCert,
		proxyIdentity, controllerIdentity, dnsIdentity, volumesIdentity}
	for _, name := range clients {
		path := c.layout.KubeconfigFor(name)
		if name == adminIdentity {
			path = c.layout.Kubeconfig()
		}
		if err := ca.WriteKubeconfig(path, name, c.server); err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return ca, nil
}

// CertificatesEnd is when the first of the cluster's certificates ends. They are renewed
// at its start, and not while it runs.
func (c *Cluster) CertificatesEnd() (time.Time, error) {
	names := []string{controlplane.FrontProxyCert}
	for _, leaf := range c.leaves() {
		names = append(names, leaf.Name)
	}
	return c.pki.End(names...)
}

func (c *Cluster) leaves() []pki.Leaf {
	address := c.address().String()
	service := node.Gateway(c.cfg.ServiceCIDR).String() // the first address is the API server's
	return []pki.Leaf{
		{Name: controlplane.APIServerCert, User: "kube-apiserver", Hosts: []string{
			address, "127.0.0.1", service, "localhost",
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + c.cfg.Domain,
		}},
		{Name: controlplane.KubeletClientCert, User: "ordinal:kube-apiserver", Groups: []string{"system:masters"}},
		{Name: controlplane.ControllersCert, User: "system:kube-controller-manager"},
		{Name: controlplane.SchedulerCert, User: "system:kube-scheduler"},
		{Name: node.KubeletCert, User: node.User, Groups: []string{"system:nodes"}, Hosts: []string{address, node.Name}},
		{Name: proxyIdentity, User: "system:kube-proxy"},
		{Name: controllerIdentity, User: "ordinal:controller"},
		{Name: dnsIdentity, User: "ordinal:dns"},
		{Name: volumesIdentity, User: "ordinal:volumes"},
		{Name: registryIdentity, User: "ordinal:registry", Hosts: []string{address}},
		{Name: containerdIdentity, User: "ordinal:containerd"},
		{Name: adminIdentity, User: "ordinal:admin", Groups: []string{"system:masters"}},
	}
}

func newPKI(path string) pki.Dir { return pki.Dir{Path: path, Now: time.Now()} }
