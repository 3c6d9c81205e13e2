package simnode

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
)

// maxPods is the pod capacity a node reports when its range allows.
const maxPods = 10_000

// node is one simulated node and its share of the pod range.
type node struct {
	name   string
	hostIP string
	pods   addressRange
}

// addressRange is size consecutive addresses.
type addressRange struct {
	first netip.Addr
	size  uint64
}

// layOut divides cidr evenly among n nodes. The first two addresses of each
// share, and its last, are not given to pods; the second is the node's own.
func layOut(n int, cidr netip.Prefix) ([]node, error) {
	if n < 1 {
		return nil, fmt.Errorf("%d simulated nodes were asked for; use 1 or more", n)
	}
	if !cidr.IsValid() {
		return nil, fmt.Errorf("simulated nodes need a pod CIDR such as 10.87.0.0/16")
	}
	cidr = cidr.Masked()
	hostBits := cidr.Addr().BitLen() - cidr.Bits() - bits.Len(uint(n-1))
	if hostBits < 3 {
		return nil, fmt.Errorf("pod CIDR %s has no room for %d nodes; use a larger one or fewer nodes", cidr, n)
	}
	share := uint64(1) << min(hostBits, 32)
	nodes := make([]node, n)
	for i := range nodes {
		base := offset(cidr.Addr(), uint64(i)*share)
		nodes[i] = node{
			name:   fmt.Sprintf("sim-%d", i),
			hostIP: offset(base, 1).String(),
			pods:   addressRange{first: offset(base, 2), size: share - 3},
		}
	}
	return nodes, nil
}

// capacity is how many pods the node takes.
func (n node) capacity() int64 { return int64(min(n.pods.size, maxPods)) }

// offset returns the address n after a, counting in its low 64 bits.
func offset(a netip.Addr, n uint64) netip.Addr {
	b := a.As16()
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+n)
	sum := netip.AddrFrom16(b)
	if a.Is4() {
		return sum.Unmap()
	}
	return sum
}
