package cluster

import (
	"fmt"

	"golang.org/x/sys/unix"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/node"
)

// leastDisk is what a start needs, with the container runtime unpacked and
// room for the store's log.
const leastDisk = 256 << 20

// enoughDisk refuses to start on a disk that is about to be full: etcd ends on
// the first write that fails.
func enoughDisk(dir string) error {
	left, err := DiskLeft(dir)
	if err != nil {
		return err
	}
	if left < leastDisk {
		return fmt.Errorf("the disk of %s is full or nearly so (%d MB left, %d MB needed): free some space; what is stored is intact", dir, left>>20, leastDisk>>20)
	}
	return nil
}

// Check makes the data directory, or says why this user, machine or directory
// can have no such cluster. Start finds the same; a caller that starts it in
// another process can say it sooner.
func Check(c config.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if !c.Simulated() {
		if err := node.Privileged(); err != nil {
			return err
		}
	}
	if err := instance.Unused(c.Layout()); err != nil {
		return err
	}
	if err := instance.Prepare(c.Layout()); err != nil {
		return err
	}
	if err := c.Continues(); err != nil {
		return err
	}
	return enoughDisk(c.DataDir)
}

// DiskLeft is how many bytes can be written below dir.
func DiskLeft(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}
