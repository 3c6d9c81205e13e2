package node

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/google/nftables"
)

// callFilter is the kernel's switch for having the packets from one port of a bridge to
// another tracked and translated as those that are routed.
const callFilter = "/proc/sys/net/bridge/bridge-nf-call-iptables"

// ensureTracked has the kernel track what pods send each other over the bridge: the answer
// to a packet that was sent to a ClusterIP is otherwise not translated back, and lost. It
// reports whether it does. The switch is every bridge's of the machine, and one that a
// firewall is about to drop packets of is better left alone.
func ensureTracked(dropping bool) bool {
	if isOn(callFilter) {
		return true
	}
	if dropping {
		return false
	}
	_ = exec.Command("modprobe", "br_netfilter").Run() // it may be there already, or never
	_ = os.WriteFile(callFilter, []byte("1"), 0o644)
	return isOn(callFilter)
}

func isOn(path string) bool {
	value, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(value)) == "1"
}

// dropping lists the chains of this machine's firewall that drop what no rule of theirs
// allows: packets to this machine, or those that it forwards. Only nftables' are seen.
func dropping() (input, forward []string) {
	c, err := nftables.New()
	if err != nil {
		return nil, nil
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil, nil
	}
	for _, chain := range chains {
		family := chain.Table.Family
		if chain.Policy == nil || *chain.Policy != nftables.ChainPolicyDrop || chain.Hooknum == nil ||
			family != nftables.TableFamilyIPv4 && family != nftables.TableFamilyINet {
			continue
		}
		name := chain.Table.Name + " " + chain.Name
		switch *chain.Hooknum {
		case *nftables.ChainHookInput:
			input = append(input, name)
		case *nftables.ChainHookForward:
			forward = append(forward, name)
		}
	}
	return input, forward
}

// firewallNote says what the machine's firewall may keep pods from; empty for nothing.
func firewallNote(input, forward []string) string {
	if len(input)+len(forward) == 0 {
		return ""
	}
	return fmt.Sprintf("the firewall of this machine drops what no rule allows (%s), which may be the pods' names, API, Services and way outside: "+
		"allow the interface %s; with ufw: ufw allow in on %[2]s && ufw route allow in on %[2]s",
		strings.Join(append(input, forward...), ", "), Bridge)
}
