package controller

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestAControllerThatNeverReachedItsServerCanBeStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	tried := sync.OnceFunc(stop)
	config := &rest.Config{Host: "http://127.0.0.1:1", Dial: func(context.Context, string, string) (net.Conn, error) {
		tried()
		return nil, errors.New("connection refused")
	}}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, config, DefaultOptions()) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it runs on after a minute")
	}
}

// Each client would have a limit of its own, so that several times as many would be made.
func TestAllClientsShareOneLimitButTheLease(t *testing.T) {
	for qps, wants := range map[float32]bool{-1: false, 0.1: true, 20: true} {
		config := &rest.Config{}
		lease := limit(config, qps)
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
