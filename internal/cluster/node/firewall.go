package node

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// callFilter is the kernel's switch for having packets from one port of a bridge to another
// tracked and translated, and filtered, as those that are routed. It is every bridge's of
// the machine, and so its owner's.
const callFilter = "/proc/sys/net/bridge/bridge-nf-call-iptables"

// tracksBridges reports whether the switch is on; without the module br_netfilter there is
// none.
func tracksBridges() bool {
	value, err := os.ReadFile(callFilter)
	return err == nil && strings.TrimSpace(string(value)) == "1"
}

// firewallNote says what a firewall of this machine may keep pods from; empty for nothing.
func firewallNote() string {
	chains := refusing()
	if len(chains) == 0 {
		return ""
	}
	return fmt.Sprintf("a firewall of this machine refuses what no rule of it allows (%s), which may be the pods' names, API, Services and way outside: "+
		"allow the interface %s; with ufw: ufw allow in on %[2]s && ufw route allow in on %[2]s; with firewalld: firewall-cmd --permanent --zone=trusted --add-interface=%[2]s && firewall-cmd --reload",
		strings.Join(chains, ", "), Bridge)
}

// refusing lists the chains through which packets to this machine go, or those that it
// forwards, and that refuse in the end what they have not allowed. Only nftables' are seen,
// which iptables makes too, but for its legacy version.
func refusing() (names []string) {
	c, err := nftables.New()
	if err != nil {
		return nil
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil
	}
	for _, chain := range chains {
		family := chain.Table.Family
		relevant := chain.Hooknum != nil && (*chain.Hooknum == *nftables.ChainHookInput || *chain.Hooknum == *nftables.ChainHookForward) &&
			(family == nftables.TableFamilyIPv4 || family == nftables.TableFamilyINet)
		if !relevant || chain.Table.Name == "kube-proxy" {
			continue
		}
		rules, _ := c.GetRules(chain.Table, chain)
		if chain.Policy != nil && *chain.Policy == nftables.ChainPolicyDrop || len(rules) > 0 && refusesAll(rules[len(rules)-1]) {
			names = append(names, chain.Table.Name+" "+chain.Name)
		}
	}
	return names
}

// refusesAll reports whether a rule refuses every packet.
func refusesAll(rule *nftables.Rule) bool {
	refuses := false
	for _, e := range rule.Exprs {
		switch e := e.(type) {
		case *expr.Counter, *expr.Log:
		case *expr.Reject:
			refuses = true
		case *expr.Verdict:
			refuses = refuses || e.Kind == expr.VerdictDrop
		default:
			return false
		}
	}
	return refuses
}
