package footprint

import (
	"fmt"
	"testing"
	"unicode"
)

func TestTrimLeavesTheProgramRunning(t *testing.T) {
	before := fmt.Sprint(unicode.Categories["Lu"], unicode.CaseRanges) // what the linker put into the program
	if err := trim(); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(unicode.Categories["Lu"], unicode.CaseRanges); after != before {
		t.Errorf("before %s, after %s", before, after)
	}
	// What a dynamic linker has put there is called to get memory.
	var sum int
	for range 8 {
		large := make([]byte, 64<<20)
		large[len(large)-1] = 1
		sum += int(large[len(large)-1])
	}
	if sum != 8 {
		t.Errorf("memory does not keep what is written: %d of 8", sum)
	}
}
