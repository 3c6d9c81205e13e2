package mounts

import (
	"slices"
	"testing"
)

func TestMountPointsAreReadAsTheyAre(t *testing.T) {
	got := Parse("21 1 8:1 / / rw - ext4 a rw\n36 21 0:9 /x\\134y /a\\040b rw shared:1 - tmpfs c rw\nshort\n")
	if want := []Mount{{"/", "/"}, {`/x\y`, "/a b"}}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsMountedBelowIsFound(t *testing.T) {
	if points, err := Below(""); err != nil || !slices.Contains(points, "/proc") {
		t.Errorf("below /: %q, %v", points, err)
	}
	if points, err := Below("/proc"); err != nil || slices.Contains(points, "/proc") {
		t.Errorf("below /proc: %q, %v", points, err)
	}
}
