// Package etcd runs the cluster's store in the process.
//
// It listens on a unix socket in a directory that only its owner can enter,
// and on nothing else: no other user of the machine can read or write it, and
// there are no certificates to lose.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const (
	// quotaBytes is etcd's recommended ceiling for its store.
	quotaBytes = 8 << 30
	// compactEvery keeps a little history for watches that fall behind;
	// kube-apiserver compacts on its own too.
	compactEvery = "5m"
	// snapshotEntries is how many writes are kept in memory between two
	// snapshots of raft's log. One member has no follower to catch up, so
	// few are needed, and each costs resident memory.
	snapshotEntries = 2000
)

// Part is an etcd with one member.
type Part struct {
	Dir    string // the store
	Socket string // where clients connect
	Log    string // etcd's own log file
	ready  chan struct{}
}

// New returns an etcd that keeps its store under dir.
func New(dir, socket, log string) *Part {
	return &Part{Dir: dir, Socket: socket, Log: log, ready: make(chan struct{})}
}

// Name implements supervisor.Part.
func (p *Part) Name() string { return "etcd" }

// Endpoint is the address that clients are given.
func (p *Part) Endpoint() string { return "unix://" + p.Socket }

// Ready implements supervisor.Part.
func (p *Part) Ready(context.Context) error {
	select {
	case <-p.ready:
		return nil
	default:
		return errors.New("the store has not opened yet")
	}
}

// Run implements supervisor.Part.
func (p *Part) Run(ctx context.Context) error {
	// A socket left by a killed process would keep us from listening.
	for _, s := range []string{p.Socket, p.peerSocket()} {
		if err := os.Remove(s); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	server, err := embed.StartEtcd(p.config())
	if err != nil {
		return p.explain(err)
	}
	defer server.Close()
	for {
		select {
		case <-server.Server.ReadyNotify():
			close(p.ready)
			select {
			case <-ctx.Done():
				return nil
			case <-server.Server.StopNotify():
				return errors.New("the store stopped")
			case err := <-server.Err():
				return p.explain(err)
			}
		case <-server.Server.StopNotify():
			return errors.New("the store stopped before it was ready")
		case err := <-server.Err():
			return p.explain(err)
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *Part) peerSocket() string { return p.Socket + ".peer" }

func (p *Part) config() *embed.Config {
	client := []url.URL{{Scheme: "unix", Path: p.Socket}}
	peer := []url.URL{{Scheme: "unix", Path: p.peerSocket()}}
	c := embed.NewConfig()
	c.Name = "ordinal"
	c.Dir = p.Dir
	c.ListenClientUrls, c.AdvertiseClientUrls = client, client
	c.ListenPeerUrls, c.AdvertisePeerUrls = peer, peer
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.QuotaBackendBytes = quotaBytes
	c.AutoCompactionMode = embed.CompactorModePeriodic
	c.AutoCompactionRetention = compactEvery
	c.SnapshotCount = snapshotEntries
	c.SnapshotCatchUpEntries = snapshotEntries / 2
	// A member alone need not wait for others: it elects itself at once.
	c.TickMs, c.ElectionMs = 100, 500
	c.EnableGRPCGateway = false
	c.LogLevel = "warn"
	c.LogOutputs = []string{p.Log}
	// Disks stall; a single machine has nobody to fail over to, so a slow
	// write is worth a line only when it is really slow.
	c.WarningApplyDuration = time.Second
	c.WarningUnaryRequestDuration = time.Second
	return c
}

func (p *Part) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk of %s is full; free some space and start again, nothing that was acknowledged is lost: %w", p.Dir, err)
	}
	return err
}
