package apiclient

import (
	"testing"

	"k8s.io/client-go/rest"
)

// Each client would have a limit of its own, so that several times as many would be made.
func TestAllClientsShareOneLimitButTheLease(t *testing.T) {
	for qps, wants := range map[float32]bool{-1: false, 0.1: true, 20: true} {
		config := &rest.Config{}
		lease := Limit(config, qps)
		if lease.RateLimiter != nil || lease.QPS >= 0 || config.QPS >= 0 {
			t.Errorf("%v: the lease is limited, or each client for itself", qps)
		}
		if (config.RateLimiter != nil) != wants {
			t.Errorf("%v: limited: %v, want %t", qps, config.RateLimiter, wants)
		}
		if wants && (config.RateLimiter.QPS() != qps || !config.RateLimiter.TryAccept()) {
			t.Errorf("%v: %v requests a second, or not even the first", qps, config.RateLimiter.QPS())
		}
	}
}
