package versions

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"ordinal.dev/ordinal/internal/cluster/pki"
	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/test/arena"
)

// Names of key pairs.
const (
	authority      = "ca"
	serviceAccount = "service-account"
	server         = "kube-apiserver"
	admin          = "admin"
	scheduler      = "kube-scheduler"
)

// patience is how long a part may take to start, or a test to see what it waits for.
const patience = 90 * time.Second

// A plane is a control plane of one version.
type plane struct {
	*testing.T
	*arena.Cluster
	program string
	dir     string
	pki     pki.Dir
	client  kubernetes.Interface
}

// startPlane starts a program's control plane and nodes, until the test's end.
func startPlane(t *testing.T, program string) *plane {
	t.Helper()
	dir := t.TempDir()
	cluster, err := arena.Prepare(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &plane{T: t, Cluster: cluster, program: program, dir: dir, pki: pki.Dir{Path: filepath.Join(dir, "pki"), Now: time.Now()}}
	store, url := "http://"+p.freeAddress(), p.freeAddress()
	p.makeIdentities("https://" + url)
	peers := "http://" + p.freeAddress()
	p.run("etcd", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	_, port, _ := net.SplitHostPort(url)
	p.run("kube-apiserver", "--etcd-servers", store, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", port,
		"--endpoint-reconciler-type", "none", "--service-cluster-ip-range", "10.86.0.0/16", "--authorization-mode", "Node,RBAC",
		"--client-ca-file", p.pki.Cert(authority), "--tls-cert-file", p.pki.Cert(server), "--tls-private-key-file", p.pki.Key(server),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", p.pki.Key(serviceAccount),
		"--service-account-signing-key-file", p.pki.Key(serviceAccount),
		"--audit-policy-file", p.AuditPolicy(), "--audit-log-path", p.AuditLog())
	config, err := p.Admin()
	p.must(err)
	p.client, err = kubernetes.NewForConfig(config)
	p.must(err)
	p.eventually(func() error {
		_, err := p.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context())
		return err
	})
	p.run("kube-controller-manager", "--kubeconfig", p.Kubeconfig(arena.InTreeKubeconfig), "--use-service-account-credentials",
		"--service-account-private-key-file", p.pki.Key(serviceAccount), "--root-ca-file", p.pki.Cert(authority),
		"--leader-elect=false", "--secure-port=0", "--flex-volume-plugin-dir", filepath.Join(p.dir, "flex"))
	p.run("kube-scheduler", "--kubeconfig", p.Kubeconfig(scheduler), "--leader-elect=false", "--secure-port=0")
	p.simulateNodes(config)
	p.must(p.MakeAccounts(t.Context()))
	return p
}

// makeIdentities makes the key pairs and the kubeconfigs.
func (p *plane) makeIdentities(url string) {
	p.Helper()
	ca, err := p.pki.Authority(authority, "test")
	p.must(err)
	p.must(p.pki.ServiceAccountKey(serviceAccount))
	p.must(ca.Issue(pki.Leaf{Name: server, User: server, Hosts: []string{"127.0.0.1", "localhost"}}))
	for _, leaf := range []pki.Leaf{
		{Name: admin, User: admin, Groups: []string{"system:masters"}},
		{Name: arena.InTreeKubeconfig, User: "system:kube-controller-manager"},
		{Name: scheduler, User: "system:kube-scheduler"},
	} {
		p.must(ca.Issue(leaf))
		path := p.Kubeconfig(leaf.Name)
		if leaf.Name == admin {
			path = filepath.Join(p.dir, "kubeconfig")
		}
		p.must(ca.WriteKubeconfig(path, leaf.Name, url))
	}
}

// run runs a part of the control plane until the test's end.
func (p *plane) run(part string, flags ...string) {
	p.start(part, p.program, append([]string{part}, flags...)...)
}

// start runs a program until the test's end.
func (p *plane) start(log, program string, args ...string) {
	p.Helper()
	// Not the test's context, which ends before the program is told to.
	process, err := arena.Run(context.Background(), p.Log(log), program, args...)
	p.must(err)
	p.Cleanup(func() {
		if err := process.Stop(); err != nil {
			p.Error(err)
		}
		if p.Failed() {
			p.Logf("the last words of %s: %v", log, process.LastWords())
		}
	})
}

func (p *plane) simulateNodes(config *rest.Config) {
	p.Helper()
	nodes, err := simnode.New(simnode.Config{Client: config, Nodes: 3, PodCIDR: netip.MustParsePrefix("10.87.0.0/16"), Log: logr.Discard()})
	p.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- nodes.Run(ctx) }()
	p.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			p.Error(err)
		}
	})
	p.eventually(func() error { return nodes.Ready(p.Context()) })
}

// freeAddress is one of the loopback that nobody listens on.
func (p *plane) freeAddress() string {
	p.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	p.must(err)
	defer l.Close()
	return l.Addr().String()
}

// eventually asks ten times a second until there is nothing left to object to.
func (p *plane) eventually(check func() error) {
	p.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			p.Fatalf("not within %s: %v", patience, err)
		}
	}
}

func (p *plane) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(fmt.Errorf("%s: %w", filepath.Base(p.program), err))
	}
}
