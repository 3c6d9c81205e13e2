// Command farewell is what a database does when its pod stops, as Patroni does: it asks
// for a name, and writes to the API server as its service account. Each goodbye becomes a
// ConfigMap, which outlives the cluster and says when it was taken by its
// resourceVersion.
//
//	farewell wait NAME   run until SIGTERM, then say goodbye under this name
//	farewell say NAME    say goodbye
//	farewell await FILE  wait until the file is there
//	farewell begin FILE  make the file, and give who awaits it five seconds
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// credentials is where a pod finds those of its service account.
const credentials = "/var/run/secrets/kubernetes.io/serviceaccount"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "farewell:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: farewell wait|say NAME, or await|begin FILE")
	}
	switch args[0] {
	case "await":
		for range time.Tick(100 * time.Millisecond) {
			if _, err := os.Stat(args[1]); err == nil {
				return nil
			}
		}
	case "begin":
		err := os.WriteFile(args[1], nil, 0o644)
		<-time.After(5 * time.Second)
		return err
	case "wait":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
	}
	return say(args[1])
}

// say creates a ConfigMap with that name, in which is what the set's first pod's name
// resolves to.
func say(name string) error {
	namespace, err := os.ReadFile(filepath.Join(credentials, "namespace"))
	if err != nil {
		return err
	}
	peer := fmt.Sprintf("farewell-0.farewell.%s.svc.cluster.local", namespace)
	addresses, err := net.LookupHost(peer)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]string{"name": name},
		"data":     map[string]string{peer: addresses[0]},
	})
	if err != nil {
		return err
	}
	return create(fmt.Sprintf("https://kubernetes.default.svc/api/v1/namespaces/%s/configmaps", namespace), body)
}

func create(url string, body []byte) error {
	token, err := os.ReadFile(filepath.Join(credentials, "token"))
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(filepath.Join(credentials, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		said, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, said)
	}
	return nil
}
