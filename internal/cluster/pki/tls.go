package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// MutualTLS is for a server that shows the certificate of that name and talks
// to nobody whom the authority did not sign.
func (d Dir) MutualTLS(name, authority string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(d.Cert(name), d.Key(name))
	if err != nil {
		return nil, fmt.Errorf("reading certificate %s: %w", name, err)
	}
	ca, err := os.ReadFile(d.Cert(authority))
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", d.Cert(authority))
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		ClientCAs:    clients,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}
