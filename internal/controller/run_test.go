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
