package main

import (
	"strings"
	"testing"
)

// It would run with leader election on, and nobody would know why.
func TestAValueThatIsNoFlagsIsRefused(t *testing.T) {
	err := run(t.Context(), []string{"--leader-elect", "false"})
	if err == nil || !strings.Contains(err.Error(), `"false"`) {
		t.Errorf("err = %v, want one that names the word", err)
	}
}
