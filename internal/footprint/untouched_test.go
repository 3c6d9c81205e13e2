//go:build linux

package footprint

import (
	"slices"
	"testing"
)

func TestOnlyWhatIsAsTheFileIsIsGivenBack(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 12 /bin/program
Rss:                 400 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00500000-00600000 r--p 00100000 fe:00 12 /bin/program
Rss:                 400 kB
Anonymous:             8 kB
00600000-00700000 rw-p 00200000 fe:00 12 /bin/program
Anonymous:             0 kB
00700000-00800000 r--p 00000000 fe:00 12 /lib/libc.so.6
Anonymous:             0 kB
7ffd0000-7ffd1000 r-xp 00000000 00:00 0
Anonymous:             0 kB
00800000-00900000 r--p 00300000 fe:00 12 /bin/program
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x500000}, {0x800000, 0x900000}}
	if got := untouched(smaps, "/bin/program"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x: not the one the dynamic linker has written", got, want)
	}
}
