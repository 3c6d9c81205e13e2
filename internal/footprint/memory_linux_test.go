package footprint

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestMemoryIsLimitedByTheCgroupsAroundAProcess(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
	cgroups := fstest.MapFS{
		"system.slice/memory.max":                   file("4096"),
		"system.slice/ordinal.service/memory.max":   file("max"),
		"memory/memory.limit_in_bytes":              file("9223372036854771712"),
		"memory/docker/memory.limit_in_bytes":       file("2048"),
		"memory/docker/inner/memory.limit_in_bytes": file("8192"),
	}
	for own, want := range map[string]uint64{
		"0::/system.slice/ordinal.service\n":      4096,
		"5:cpu:/docker\n4:memory:/docker/inner\n": 2048,
		"0::/user.slice\n":                        math.MaxUint64,
		"":                                        math.MaxUint64,
	} {
		if got := cgroupLimit(cgroups, own); got != want {
			t.Errorf("%q: limited to %d, want %d", own, got, want)
		}
	}
	if Memory() == 0 {
		t.Error("it is unknown how much memory this machine has")
	}
}
