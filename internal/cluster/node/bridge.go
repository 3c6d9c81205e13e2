package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Bridge is the network interface that pods hang on.
const Bridge = "ordinal0"

// aliasPrefix marks a bridge as ours, followed by the data directory.
const aliasPrefix = "ordinal: "

// Gateway is the bridge's address in the pod network: its first.
func Gateway(pods netip.Prefix) netip.Addr { return pods.Masked().Addr().Next() }

// Owner returns the data directory of the cluster whose bridge exists on this
// machine, or "" when there is none.
func Owner() (string, error) {
	link, err := netlink.LinkByName(Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the bridge %s: %w", Bridge, err)
	}
	dir, ours := strings.CutPrefix(link.Attrs().Alias, aliasPrefix)
	if !ours {
		return "", fmt.Errorf("a network interface %s exists that Ordinal did not make; remove or rename it (ip link delete %s)", Bridge, Bridge)
	}
	return dir, nil
}

// lastResort is the metric of a route that is taken where there is no other.
const lastResort = 1 << 20

// EnsureBridge makes the bridge, gives it its address and lets the kernel
// forward between it and the outside. The way to Services leads there too: on a machine
// with no way outside there would be none, and nothing to translate.
func EnsureBridge(dataDir string, pods, services netip.Prefix) error {
	owner, err := Owner()
	if err != nil {
		return err
	}
	if owner != "" && owner != dataDir {
		return fmt.Errorf("this machine already has a cluster, in %s: use it (--data-dir %s), or stop it first: ordinal down --data-dir %s", owner, owner, owner)
	}
	if owner == "" {
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: Bridge}}); err != nil {
			return fmt.Errorf("making the bridge %s (does the kernel have bridges? try: modprobe bridge; or use --nodes simulated): %w", Bridge, err)
		}
	}
	link, err := netlink.LinkByName(Bridge)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetAlias(link, aliasPrefix+dataDir); err != nil {
		return fmt.Errorf("marking the bridge %s as ours: %w", Bridge, err)
	}
	// A bridge whose address nobody has set takes the lowest one of its ports. It
	// would change as pods come and go, and the pods that had learned it would reach
	// nothing, names included, for the better part of a minute.
	if err := netlink.LinkSetHardwareAddr(link, link.Attrs().HardwareAddr); err != nil {
		return fmt.Errorf("fixing the hardware address of the bridge %s: %w", Bridge, err)
	}
	if err := setAddress(link, netip.PrefixFrom(Gateway(pods), pods.Bits())); err != nil {
		return fmt.Errorf("giving the bridge %s its address: %w", Bridge, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("switching the bridge %s on: %w", Bridge, err)
	}
	way := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(services), Scope: netlink.SCOPE_LINK, Priority: lastResort}
	if err := netlink.RouteReplace(way); err != nil {
		return fmt.Errorf("leading packets to Services to the bridge %s: %w", Bridge, err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("letting the kernel forward packets of pods: %w", err)
	}
	return nil
}

// Taken names a network of this machine that is, or lies within, the given one; empty if
// there is none. Packets to it would go to the cluster. A network around it goes on, but
// for the part that the cluster takes.
func Taken(network netip.Prefix) (string, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return "", fmt.Errorf("asking for the networks of this machine: %w", err)
	}
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		address, _ := netip.AddrFromSlice(r.Dst.IP.To4())
		ones, _ := r.Dst.Mask.Size()
		if ones < network.Bits() || !network.Contains(address) {
			continue
		}
		link, err := netlink.LinkByIndex(r.LinkIndex)
		switch {
		case err != nil:
			return r.Dst.String(), nil
		case link.Attrs().Name != Bridge:
			return fmt.Sprintf("%s of %s", r.Dst, link.Attrs().Name), nil
		}
	}
	return "", nil
}

// setAddress leaves the link with exactly this address; a pod network of an
// earlier start may have been another.
func setAddress(link netlink.Link, want netip.Prefix) error {
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	found := false
	for _, a := range addrs {
		if a.IPNet.String() == want.String() {
			found = true
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	return netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(want)})
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// removeBridge takes the bridge down, with what still hangs on it.
func removeBridge() error {
	link, err := netlink.LinkByName(Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err != nil {
		return err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Attrs().MasterIndex == link.Attrs().Index {
			// A pod's goes by itself too, as its network namespace does.
			if err := netlink.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
				return fmt.Errorf("removing the interface %s: %w", l.Attrs().Name, err)
			}
		}
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("removing the bridge %s: %w", Bridge, err)
	}
	return nil
}
