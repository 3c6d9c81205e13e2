package node

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// natTable is ours alone; it is made and removed as a whole.
const natTable = "ordinal"

// tables are the nftables tables that a cluster leaves: ours, kube-proxy's,
// and the one of the portmap plugin.
var tables = []string{natTable, "kube-proxy", "cni_hostport"}

// EnsureForwarding has packets find their way: pods reach the world outside of the machine
// under the machine's own address, and each other by ClusterIPs. It speaks netlink, and
// needs no nft program. The notes say what may not work.
func EnsureForwarding(pods netip.Prefix) (notes []string) {
	if note := firewallNote(); note != "" {
		notes = append(notes, note)
	}
	if err := ensureMasquerade(pods); err != nil {
		notes = append(notes, "pods cannot reach the world outside of this machine: "+err.Error())
	}
	return notes
}

// ensureMasquerade gives packets the machine's address that leave it, and, unless the
// kernel tracks what pods send each other, those to ClusterIPs of pods: the answer has to
// come back by the machine, which knows what to translate.
func ensureMasquerade(pods netip.Prefix) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: natTable})
	c.FlushTable(table)
	chain := c.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	const source, destination = 12, 16 // offsets in the IPv4 header
	add := func(matches ...[]expr.Any) {
		rule := append(matchNetwork(source, pods, expr.CmpOpEq), slices.Concat(matches...)...)
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(rule, &expr.Masq{})})
	}
	add(matchNetwork(destination, pods, expr.CmpOpNeq))
	if !tracksBridges() {
		add(matchNetwork(destination, pods, expr.CmpOpEq), matchTranslated())
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("adding the nftables rule that lets pods reach the outside: %w", err)
	}
	return nil
}

// matchTranslated matches connections whose destination was translated.
func matchTranslated() []expr.Any {
	const dstNAT = 1 << 5 // IPS_DST_NAT of the kernel
	return []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATUS},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(dstNAT), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// matchNetwork compares the address at an offset of the IPv4 header.
func matchNetwork(offset uint32, network netip.Prefix, op expr.CmpOp) []expr.Any {
	mask := binaryutil.BigEndian.PutUint32(^uint32(0) << (32 - network.Bits()))
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: op, Register: 1, Data: network.Masked().Addr().AsSlice()},
	}
}

func removeTables() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	all, err := c.ListTables()
	if err != nil {
		return nil // a kernel without nftables has no tables of ours
	}
	for _, t := range all {
		for _, name := range tables {
			if t.Name == name {
				c.DelTable(t)
			}
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("removing nftables tables: %w", err)
	}
	return nil
}
