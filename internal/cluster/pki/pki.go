package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
	// backdate lets a certificate be used by a process whose clock is a
	// little behind.
	backdate = 5 * time.Minute
)

// Dir is a directory of certificates.
type Dir struct {
	Path string
	Now  time.Time
}

// Leaf asks for a certificate. With Hosts it serves, and without it is a
// client's; a serving one may be a client's too (the kubelet's API client).
type Leaf struct {
	Name   string // file name without extension
	User   string // common name
	Groups []string
	Hosts  []string // DNS names and addresses
}

// Cert and Key are the files of a certificate.
func (d Dir) Cert(name string) string { return filepath.Join(d.Path, name+".crt") }

// Key is the private key's file.
func (d Dir) Key(name string) string { return filepath.Join(d.Path, name+".key") }

// Authority is a certificate that signs others.
type Authority struct {
	dir  Dir
	name string
	cert *x509.Certificate
	key  crypto.Signer
}

// Authority reads the authority of that name, or makes it.
func (d Dir) Authority(name, commonName string) (*Authority, error) {
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(d.Cert(name)); err == nil {
		cert, key, err := d.read(name)
		if err != nil {
			return nil, fmt.Errorf("reading authority %s: %w", name, err)
		}
		if d.Now.After(cert.NotAfter) {
			return nil, fmt.Errorf("the authority in %s ended on %s; move %s away to have all certificates made anew",
				d.Cert(name), cert.NotAfter.Format(time.DateOnly), d.Path)
		}
		if d.Now.Before(cert.NotBefore) {
			return nil, fmt.Errorf("the authority in %s begins on %s, and it is %s by this machine's clock: set that, or move %s away to have all certificates made anew",
				d.Cert(name), cert.NotBefore.Format(time.DateTime), d.Now.Format(time.DateTime), d.Path)
		}
		return &Authority{d, name, cert, key}, nil
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             d.Now.Add(-backdate),
		NotAfter:              d.Now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, key, err := d.sign(name, template, nil)
	if err != nil {
		return nil, fmt.Errorf("making authority %s: %w", name, err)
	}
	return &Authority{d, name, cert, key}, nil
}

// End is when the first of the certificates that are in use ends.
func (d Dir) End(names ...string) (time.Time, error) {
	var first time.Time
	for _, name := range names {
		cert, _, err := d.read(name)
		if err != nil {
			return first, err
		}
		if first.IsZero() || cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return first, nil
}

// CertFile is the authority's certificate, to be trusted by others.
func (a *Authority) CertFile() string { return a.dir.Cert(a.name) }

// KeyFile is the authority's private key.
func (a *Authority) KeyFile() string { return a.dir.Key(a.name) }

// Issue makes sure that the certificate exists, fits, and lasts.
func (a *Authority) Issue(leaf Leaf) error {
	if cert, _, err := a.dir.read(leaf.Name); err == nil && a.fits(cert, leaf) {
		return nil
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: leaf.User, Organization: leaf.Groups},
		NotBefore:   a.dir.Now.Add(-backdate),
		NotAfter:    a.dir.Now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(leaf.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, h := range leaf.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if _, _, err := a.dir.sign(leaf.Name, template, a); err != nil {
		return fmt.Errorf("making certificate %s: %w", leaf.Name, err)
	}
	return nil
}

func (a *Authority) fits(cert *x509.Certificate, leaf Leaf) bool {
	if cert.CheckSignatureFrom(a.cert) != nil || cert.NotAfter.Sub(a.dir.Now) < renewBefore || a.dir.Now.Before(cert.NotBefore) {
		return false
	}
	if cert.Subject.CommonName != leaf.User || !slices.Equal(cert.Subject.Organization, leaf.Groups) {
		return false
	}
	for _, h := range leaf.Hosts {
		if cert.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

// ServiceAccountKey makes sure that the key that signs pods' tokens exists.
func (d Dir) ServiceAccountKey(name string) error {
	if _, err := os.Stat(d.Key(name)); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return d.writeKey(name, key)
}

func (d Dir) read(name string) (*x509.Certificate, crypto.Signer, error) {
	certs, err := certutil.CertsFromFile(d.Cert(name))
	if err != nil {
		return nil, nil, err
	}
	key, err := keyutil.PrivateKeyFromFile(d.Key(name))
	if err != nil {
		return nil, nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s cannot sign", d.Key(name))
	}
	return certs[0], signer, nil
}

// sign makes a key and a certificate; with no authority it signs itself.
func (d Dir) sign(name string, template *x509.Certificate, by *Authority) (*x509.Certificate, crypto.Signer, error) {
	key, err := newKey(by == nil)
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	if err := d.writeKey(name, key); err != nil {
		return nil, nil, err
	}
	pem, err := certutil.EncodeCertificates(cert)
	if err != nil {
		return nil, nil, err
	}
	return cert, key, writeFile(d.Cert(name), pem, 0o644)
}

// newKey makes a private key. An authority's is RSA: the API server verifies the
// client's certificate with every request, and such a signature takes less than half
// as long to verify.
func newKey(authority bool) (crypto.Signer, error) {
	if authority {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func (d Dir) writeKey(name string, key crypto.Signer) error {
	pem, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	return writeFile(d.Key(name), pem, 0o600)
}

// writeFile replaces the file as a whole: a crash leaves the old or the new.
func writeFile(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
