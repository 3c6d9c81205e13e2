package pki

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	certutil "k8s.io/client-go/util/cert"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func authority(t *testing.T, path string, now time.Time) *Authority {
	t.Helper()
	a, err := Dir{Path: path, Now: now}.Authority("ca", "test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *Authority, leaf Leaf) string {
	t.Helper()
	if err := a.Issue(leaf); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(a.dir.Cert(leaf.Name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAuthorityIsKeptFromStartToStart(t *testing.T) {
	dir := t.TempDir()
	first := authority(t, dir, start)
	second := authority(t, dir, start.Add(2*365*24*time.Hour))
	if !first.cert.Equal(second.cert) {
		t.Error("the second start made another authority; certificates of the first would no longer be trusted")
	}
}

// The first clusters had an ECDSA authority.
func TestAnAuthorityOfAnotherKindOfKeyIsKept(t *testing.T) {
	key, err := newKey(false)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "test", NotBefore: start}, key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := certutil.EncodeCertificates(cert)
	if err != nil {
		t.Fatal(err)
	}
	d := Dir{Path: t.TempDir(), Now: start}
	if err := errors.Join(d.writeKey("ca", key), writeFile(d.Cert("ca"), pem, 0o644)); err != nil {
		t.Fatal(err)
	}
	a := authority(t, d.Path, start)
	leaf := Leaf{Name: "client", User: "client"}
	if first := issue(t, a, leaf); !a.cert.Equal(cert) || issue(t, a, leaf) != first {
		t.Error("the authority, or what it issued, was made anew")
	}
}

func TestCertificateIsMadeAgainOnlyForAReason(t *testing.T) {
	const day = 24 * time.Hour
	server := Leaf{Name: "server", User: "server", Hosts: []string{"10.0.0.1", "server.test"}}
	for _, test := range []struct {
		name  string
		after time.Duration
		leaf  Leaf
		anew  bool
	}{
		{"nothing changed", day, server, false},
		{"31 days remain", leafLife - 31*day, server, false},
		{"29 days remain", leafLife - 29*day, server, true},
		{"an address was added", day, Leaf{Name: "server", User: "server", Hosts: []string{"10.0.0.1", "10.0.0.2", "server.test"}}, true},
		{"the user changed", day, Leaf{Name: "server", User: "other", Hosts: server.Hosts}, true},
		{"a group was added", day, Leaf{Name: "server", User: "server", Groups: []string{"g"}, Hosts: server.Hosts}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			before := issue(t, authority(t, dir, start), server)
			after := issue(t, authority(t, dir, start.Add(test.after)), test.leaf)
			if anew := before != after; anew != test.anew {
				t.Errorf("made anew: %v, want %v", anew, test.anew)
			}
		})
	}
}

func TestSecretsAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	a := authority(t, dir, start)
	issue(t, a, Leaf{Name: "admin", User: "admin", Groups: []string{"system:masters"}})
	config := dir + "/kubeconfig"
	if err := a.WriteKubeconfig(config, "admin", "https://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if err := a.dir.ServiceAccountKey("sa"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{a.KeyFile(), a.dir.Key("admin"), a.dir.Key("sa"), config} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode().Perm())
		}
	}
	if _, err := clientcmd.BuildConfigFromFlags("", config); err != nil {
		t.Errorf("kubeconfig cannot be used: %v", err)
	}
}

// A clock that was wrong at the first start has been set right since.
func TestACertificateThatHasNotBegunIsMadeAgain(t *testing.T) {
	dir, leaf := t.TempDir(), Leaf{Name: "client", User: "client"}
	authority(t, dir, start)
	ahead := authority(t, dir, start.Add(24*time.Hour))
	if before := issue(t, ahead, leaf); issue(t, authority(t, dir, start), leaf) == before {
		t.Error("the certificate begins tomorrow, and is kept")
	}
	_, err := Dir{Path: dir, Now: start.Add(-time.Hour)}.Authority("ca", "test")
	if err == nil || !strings.Contains(err.Error(), "clock") || !strings.Contains(err.Error(), dir) {
		t.Errorf("the authority has not begun: %v; want to hear of the clock, and the way out", err)
	}
}

func TestTheEndIsThatOfTheFirstCertificateToEnd(t *testing.T) {
	dir := t.TempDir()
	issue(t, authority(t, dir, start), Leaf{Name: "early", User: "early"})
	issue(t, authority(t, dir, start.Add(time.Hour)), Leaf{Name: "late", User: "late"})
	end, err := Dir{Path: dir}.End("late", "early")
	if want := start.Add(leafLife); err != nil || !end.Equal(want) {
		t.Errorf("%s, %v; want %s", end, err, want)
	}
	if _, err := (Dir{Path: dir}).End("late", "none"); err == nil {
		t.Error("a certificate is missing, and nobody is told")
	}
}
