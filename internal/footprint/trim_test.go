package footprint

import (
	"fmt"
	"testing"
	"unicode"
)

func TestTrimLeavesTheProgramRunning(t *testing.T) {
	// What the linker put into the program, and what a package's start has made.
	before := fmt.Sprint(unicode.Categories["Lu"], unicode.CaseRanges)
	if err := Trim(); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(unicode.Categories["Lu"], unicode.CaseRanges); after != before {
		t.Errorf("before %s, after %s", before, after)
	}
}
