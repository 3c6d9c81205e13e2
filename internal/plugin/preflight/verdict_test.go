package preflight

import (
	"strings"
	"testing"
	"time"

	"ordinal.dev/ordinal/internal/fence"
)

func TestVerdicts(t *testing.T) {
	pod := []Trace{{"pod", "probe-0", "kube-controller-manager"}}
	both := []Trace{{"revision", "probe-1", "kube-controller-manager"}, pod[0]}
	for _, test := range []struct {
		seen   Observations
		result string
		says   string
		advice string
	}{
		{Observations{Version: "v1.29.4"}, TooOld, "it is Kubernetes v1.29.4, and admission policies are in it from 1.30 on", "system:controller:statefulset-controller emptied"},
		{Observations{Version: "v0.0.0-built-without-one", Served: true, InForce: true, Beyond: both}, Holds, "", ""},
		{Observations{Version: "v1.30.0"}, NotServed, "does not serve admission policies", "mode whole-cluster"},
		{Observations{Version: "v1.33.1-eks-1", Served: true, PolicyRefused: "no such function"}, PolicyRefused, "does not accept the policy: no such function", "mode whole-cluster"},
		{Observations{Version: "v1.33.1", Served: true, NoImpersonation: "impersonating system identities"}, NoImpersonation, "lets nobody act as " + fence.Account, "mode whole-cluster"},
		{Observations{Version: "v1.33.1", Served: true, Said: "a write was accepted"}, NotInForce, "is not refused though the policy is there: a write was accepted", "mode whole-cluster"},
		{Observations{Version: "v1.33.1", Served: true, InForce: true, Behind: pod}, OtherAccount, "kube-controller-manager made pod probe-0 behind the fence", "--controllers=*,-statefulset-controller"},
		{Observations{Version: "v1.33.1", Served: true, Barred: "cannot create pods", Behind: pod}, OtherAccount, "does not act as", "switched off"},
		{Observations{Version: "v1.33.1", Served: true, Barred: "cannot create pods"}, Barred, "could not write: cannot create pods", "needs no fence"},
		{Observations{Version: "v1.33.1", Served: true, InForce: true}, NoController, "No in-tree StatefulSet controller acts", "needs no fence"},
		{Observations{Version: "v1.37.2", Served: true, InForce: true, Beyond: both, After: 1200 * time.Millisecond}, Holds,
			"and 1.2 s after it was lifted, kube-controller-manager made revision probe-1 and pod probe-0", ""},
		{Observations{Version: "v1.37.2", Served: true, InForce: true, Beyond: both[:1], Failed: "exceeded quota"}, Holds, "another reason, which has nothing to do with the fence: exceeded quota", ""},
	} {
		t.Run(test.result, func(t *testing.T) {
			v := Judge(test.seen)
			if v.Result != test.result || v.Holds != (test.result == Holds) {
				t.Errorf("got %+v", v)
			}
			if !strings.Contains(v.Sentence, test.says) || !strings.Contains(v.Advice, test.advice) || (test.advice == "") != (v.Advice == "") {
				t.Errorf("got %q and %q,\nwant %q and %q in them", v.Sentence, v.Advice, test.says, test.advice)
			}
		})
	}
}
