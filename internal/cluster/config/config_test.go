package config

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestBadConfigIsRefusedWithTheFix(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"relative data directory", func(c *Config) { c.DataDir = "data" }, "absolute path"},
		{"pod network too small", func(c *Config) { c.PodCIDR = netip.MustParsePrefix("10.1.2.0/28") }, "--pod-cidr 10.1.2.0/28 must be"},
		{"IPv6", func(c *Config) { c.ServiceCIDR = netip.MustParsePrefix("fd00::/16") }, "--service-cidr fd00::/16 must be an IPv4"},
		{"overlap", func(c *Config) { c.ServiceCIDR = netip.MustParsePrefix("10.87.128.0/24") }, "overlap"},
		{"domain", func(c *Config) { c.Domain = "Cluster_local" }, `--domain "Cluster_local"`},
		{"a port that nothing could ask", func(c *Config) { c.ImagesPort = 0 }, "--images-port 0 is not a port"},
		{"a port for two", func(c *Config) { c.KubeletPort = c.ImagesPort }, "both 10252"},
		{"no audit policy", func(c *Config) { c.AuditPolicy, c.AuditLog = "/nowhere/policy.yaml", "/tmp/log" }, "--audit-policy cannot be read"},
		{"controller", func(c *Config) { c.StatefulSetController = "" }, `--statefulset-controller "" is not known`},
		{"port", func(c *Config) { c.APIPort = 70000 }, "--api-port 70000 is not a port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			test.change(&c)
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestConfigOfTheLastStartIsKept(t *testing.T) {
	c := Default()
	c.DataDir = t.TempDir()
	c.Domain, c.SimulatedNodes = "example.test", 3
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := Saved(c.Layout())
	if err != nil || got != c {
		t.Errorf("got %+v, %v; want %+v", got, err, c)
	}
}

func TestWhatOlderVersionsHaveKeptMeansTheSame(t *testing.T) {
	for kept, want := range map[string]string{
		`{"NoController":true}`:               None,
		`{"NoController":false}`:              Ordinal,
		`{}`:                                  Ordinal,
		`{"StatefulSetController":"in-tree"}`: InTree,
	} {
		l := layout.Layout{Root: t.TempDir()}
		if err := os.WriteFile(l.Config(), []byte(kept), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Saved(l)
		if err != nil || got.StatefulSetController != want {
			t.Errorf("%s: %q, %v; want %q", kept, got.StatefulSetController, err, want)
		}
		if err := errors.Join(got.Validate(), got.Save()); err != nil {
			t.Errorf("%s: %v", kept, err)
		}
		if again, err := Saved(l); err != nil || again != got {
			t.Errorf("%s, saved and read again: %+v, %v; want %+v", kept, again, err, got)
		}
	}
}

func TestWhatIsStoredCannotBeChangedUnderIt(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"--service-cidr": func(c *Config) { c.ServiceCIDR = netip.MustParsePrefix("10.99.0.0/16") },
		"--nodes":        func(c *Config) { c.SimulatedNodes = 1 },
		"move it back": func(c *Config) {
			moved := c.DataDir + "-moved"
			if err := os.Rename(c.DataDir, moved); err != nil {
				panic(err)
			}
			c.DataDir = moved
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := Default()
			c.DataDir = t.TempDir()
			if err := errors.Join(c.Save(), c.Continues()); err != nil {
				t.Fatal(err)
			}
			change(&c)
			if err := c.Continues(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want %q in it", err, name)
			}
		})
	}
}
