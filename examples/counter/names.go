package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
)

// serviceDomain returns the domain that a pod shares with its peers, such as
// my-service.default.svc.cluster.local. The kubelet writes the pod's full name
// in /etc/hosts; a pod without a governing service has none there, and the
// result is "".
func serviceDomain(hosts []byte, hostname string) string {
	for line := range strings.Lines(string(hosts)) {
		for _, name := range strings.Fields(line) {
			if domain, ok := strings.CutPrefix(name, hostname+"."); ok {
				return domain
			}
		}
	}
	return ""
}

// A peer is where another pod of the service answers.
type peer struct {
	Name string `json:"name"`
	Port uint16 `json:"port"`
}

// lookupSRV is net.Resolver.LookupSRV.
type lookupSRV func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)

// findPeers asks DNS for every pod of the service, sorted by name.
func findPeers(ctx context.Context, lookup lookupSRV, service string) ([]peer, error) {
	if service == "" {
		return nil, errors.New("this pod has no governing service to find peers in")
	}
	_, records, err := lookup(ctx, "", "", service)
	if err != nil {
		return nil, err
	}
	peers := make([]peer, 0, len(records))
	for _, r := range records {
		peers = append(peers, peer{Name: strings.TrimSuffix(r.Target, "."), Port: r.Port})
	}
	slices.SortFunc(peers, func(a, b peer) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(peers), nil
}

// runLookup prints the addresses of a name, or with --srv its name:port pairs,
// one a line.
func runLookup(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("lookup", flag.ContinueOnError)
	srv := flags.Bool("srv", false, "look up SRV records")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("usage: counter lookup [--srv] NAME")
	}
	name := flags.Arg(0)
	if !*srv {
		addresses, err := net.DefaultResolver.LookupHost(ctx, name)
		if err != nil {
			return err
		}
		slices.Sort(addresses)
		fmt.Fprintln(out, strings.Join(addresses, "\n"))
		return nil
	}
	peers, err := findPeers(ctx, net.DefaultResolver.LookupSRV, name)
	if err != nil {
		return err
	}
	for _, p := range peers {
		fmt.Fprintln(out, net.JoinHostPort(p.Name, strconv.Itoa(int(p.Port))))
	}
	return nil
}
