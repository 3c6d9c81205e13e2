package dns

import (
	"fmt"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// startupTimeout is after how long the plugin says in the log that it is not
// in step with the API yet. Queries are answered meanwhile, those for names
// that are not known yet with SERVFAIL.
const startupTimeout = time.Second

// newCluster makes the plugin that answers from the API. Its options can be
// set through its configuration language only.
func newCluster(cfg Config) (*kubernetes.Kubernetes, error) {
	zones := []string{cfg.Domain}
	for _, r := range cfg.Ranges {
		zones = append(zones, r.String())
	}
	// Names of pods by address are answered unverified, as kubeadm has it:
	// verifying takes a watch on all pods.
	stanza := fmt.Sprintf("kubernetes %s {\n pods insecure\n ttl 0\n startup_timeout %s\n}", strings.Join(zones, " "), startupTimeout)
	c := &caddy.Controller{Dispenser: caddyfile.NewDispenser("ordinal", strings.NewReader(stanza))}
	c.Next()
	k, err := kubernetes.ParseStanza(c)
	if err != nil {
		return nil, fmt.Errorf("domain %s: %w", cfg.Domain, err)
	}
	client := rest.CopyConfig(cfg.Client)
	client.QPS = -1 // it lists and watches three kinds, no more
	client.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	k.ClientConfig = clientConfig{rest: client}
	return k, nil
}

// clientConfig gives a ready client configuration to who expects to load one.
type clientConfig struct {
	loader // nil: nothing else is asked of it
	rest   *rest.Config
}

type loader = clientcmd.ClientConfig

// ClientConfig implements clientcmd.ClientConfig.
func (c clientConfig) ClientConfig() (*rest.Config, error) { return c.rest, nil }
