// Package config is what a cluster is started with: the flags of `ordinal up`,
// kept in the data directory for the next start. It reads and writes one file and
// needs none of a cluster's parts.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// Who looks after StatefulSets.
const (
	Ordinal = "ordinal"
	InTree  = "in-tree" // the one of kube-controller-manager
	None    = "none"    // which leaves them to a controller that somebody else runs
)

// Config describes a cluster. Default is the one `ordinal up` starts.
type Config struct {
	DataDir     string
	PodCIDR     netip.Prefix
	ServiceCIDR netip.Prefix
	Domain      string
	APIPort     int // 0 takes a free one
	KubeletPort int
	ImagesPort  int
	// SimulatedNodes is how many nodes to simulate; 0 makes this machine the
	// node.
	SimulatedNodes int
	// StatefulSetController is who looks after StatefulSets: Ordinal, InTree or None.
	StatefulSetController string
	// AuditPolicy is a file for the API server; with AuditLog it switches
	// auditing on.
	AuditPolicy, AuditLog string
	// EnforceOwners has the API server ask for more of who changes an object's
	// owners (its OwnerReferencesPermissionEnforcement). Some operators do not have
	// the permissions that this takes.
	EnforceOwners bool
}

// Saved is the configuration that the data directory was last started with,
// or the default where it never was.
func Saved(l layout.Layout) (Config, error) {
	c := Default()
	data, err := os.ReadFile(l.Config())
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return c, err
	}
	if err == nil {
		kept := struct {
			*Config
			NoController bool // is what older versions have for None
		}{Config: &c}
		if err := json.Unmarshal(data, &kept); err != nil {
			return c, fmt.Errorf("%s cannot be read; remove it to start with defaults: %w", l.Config(), err)
		}
		if kept.NoController {
			c.StatefulSetController = None
		}
	}
	c.DataDir = l.Root
	return c, nil
}

// Continues returns an error if the cluster in the data directory cannot go on with this
// configuration. What Services and volumes already hold cannot be changed under them.
func (c Config) Continues() error {
	before, err := Saved(c.Layout())
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.Layout().Config()); err == nil {
		switch from := madeIn(c.Layout()); {
		case !sameDir(from, c.DataDir):
			return fmt.Errorf("this cluster was made in %s, where its volumes are looked for: move it back, or have it there too (mkdir -p %[1]s && mount --bind %s %[1]s) and start it with --data-dir %[1]s", from, c.DataDir)
		case before.ServiceCIDR != c.ServiceCIDR:
			return fmt.Errorf("this cluster's Services have addresses in %s, which cannot become %s: leave --service-cidr out, or begin anew with another --data-dir", before.ServiceCIDR, c.ServiceCIDR)
		case before.Simulated() != c.Simulated():
			return fmt.Errorf("this cluster was made with nodes that are %s, which its volumes are bound to: leave --nodes out, or begin anew with another --data-dir", before.Nodes())
		}
	}
	return nil
}

// madeIn is the data directory that the saved configuration names.
func madeIn(l layout.Layout) string {
	var saved struct{ DataDir string }
	data, _ := os.ReadFile(l.Config())
	_ = json.Unmarshal(data, &saved)
	return saved.DataDir
}

// sameDir reports whether two paths lead to one directory. An empty one, of a
// configuration that names none, is no other.
func sameDir(a, b string) bool {
	if a == "" || a == b {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// Save keeps the configuration for the next start.
func (c Config) Save() error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	path := c.Layout().Config()
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Default is the cluster that `ordinal up` starts.
func Default() Config {
	return Config{
		DataDir:     "/var/lib/ordinal",
		PodCIDR:     netip.MustParsePrefix("10.87.0.0/16"),
		ServiceCIDR: netip.MustParsePrefix("10.86.0.0/16"), // 10.88 is podman's
		Domain:      "cluster.local",
		APIPort:     6443,
		KubeletPort: 10250,
		ImagesPort:  10252,

		StatefulSetController: Ordinal,
	}
}

// Simulated says whether the nodes are.
func (c Config) Simulated() bool { return c.SimulatedNodes > 0 }

// Layout is the data directory.
func (c Config) Layout() layout.Layout { return layout.Layout{Root: c.DataDir} }

var domain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// Validate says what is wrong, all of it, and how to put it right.
func (c Config) Validate() error {
	var errs []error
	if !filepath.IsAbs(c.DataDir) {
		errs = append(errs, fmt.Errorf("the data directory %q must be an absolute path", c.DataDir))
	}
	for flag, p := range map[string]netip.Prefix{"--pod-cidr": c.PodCIDR, "--service-cidr": c.ServiceCIDR} {
		// The API server takes at most 2^20 Service addresses.
		if !p.IsValid() || !p.Addr().Is4() || p.Bits() < 12 || p.Bits() > 24 {
			errs = append(errs, fmt.Errorf("%s %s must be an IPv4 network between /12 and /24, such as 10.87.0.0/16", flag, p))
		}
	}
	if c.PodCIDR.Overlaps(c.ServiceCIDR) {
		errs = append(errs, fmt.Errorf("--pod-cidr %s and --service-cidr %s overlap: choose two networks apart", c.PodCIDR, c.ServiceCIDR))
	}
	if !domain.MatchString(c.Domain) {
		errs = append(errs, fmt.Errorf("--domain %q is not a DNS name: use lower-case letters, digits, dashes and dots", c.Domain))
	}
	if !slices.Contains([]string{Ordinal, InTree, None}, c.StatefulSetController) {
		errs = append(errs, fmt.Errorf("--statefulset-controller %q is not known: use %s, %s, or %s to run one of your own", c.StatefulSetController, Ordinal, InTree, None))
	}
	errs = append(errs, c.validatePorts()...)
	if (c.AuditPolicy == "") != (c.AuditLog == "") {
		errs = append(errs, errors.New("--audit-policy and --audit-log go together: give both or none"))
	} else if c.AuditPolicy != "" {
		if _, err := os.Stat(c.AuditPolicy); err != nil {
			errs = append(errs, fmt.Errorf("--audit-policy cannot be read: %w", err))
		}
	}
	if c.SimulatedNodes < 0 {
		errs = append(errs, fmt.Errorf("--nodes simulated=%d: there must be at least one", c.SimulatedNodes))
	}
	return errors.Join(errs...)
}

func (c Config) validatePorts() (errs []error) {
	type port struct {
		flag          string
		number, least int
	}
	ports := []port{{"--api-port", c.APIPort, 0}}
	if !c.Simulated() { // whose nodes have none
		ports = append(ports, port{"--kubelet-port", c.KubeletPort, 1}, port{"--images-port", c.ImagesPort, 1})
	}
	users := map[int]string{}
	for _, p := range ports {
		switch other := users[p.number]; {
		case p.number < p.least || p.number > 65535:
			errs = append(errs, fmt.Errorf("%s %d is not a port: use 1 to 65535", p.flag, p.number))
		case other != "":
			errs = append(errs, fmt.Errorf("%s and %s are both %d: choose two ports", other, p.flag, p.number))
		}
		users[p.number] = p.flag
	}
	return errs
}

// Nodes says what the nodes are, as --nodes takes it.
func (c Config) Nodes() string {
	if c.Simulated() {
		return fmt.Sprintf("simulated=%d", c.SimulatedNodes)
	}
	return "this machine"
}
