package etcd

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// start runs an etcd in dir until stop is called.
func start(t *testing.T, dir string) (client *clientv3.Client, stop func()) {
	t.Helper()
	p := New(dir, filepath.Join(dir, "etcd.sock"), filepath.Join(dir, "log"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for tick := time.NewTicker(10 * time.Millisecond); p.Ready(ctx) != nil; {
		select {
		case err := <-done:
			t.Fatal(err)
		case <-tick.C:
		}
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{p.Endpoint()}})
	if err != nil {
		t.Fatal(err)
	}
	return client, func() {
		client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestWhatWasWrittenIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	client, stop := start(t, dir)
	if _, err := client.Put(t.Context(), "key", "value"); err != nil {
		t.Fatal(err)
	}
	stop()
	client, stop = start(t, dir)
	defer stop()
	got, err := client.Get(t.Context(), "key")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "value" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestASocketLeftByAKilledProcessIsNoObstacle(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "etcd.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop := start(t, dir)
	stop()
}
