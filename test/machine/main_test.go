package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ordinal.dev/ordinal/test/rig"
)

// binary is the program under test, set before the first test.
var binary string

// hungry is the name under which this program is an image for pods that want more
// memory than they may have.
const hungry = "hungry"

// eaten is global, so that nothing of it is ever collected.
var eaten [][]byte

func eat() {
	for {
		eaten = append(eaten, bytes.Repeat([]byte{1}, 1<<20))
	}
}

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == hungry {
		eat()
	}
	if reason := rig.Lacking(); reason != "" {
		fmt.Println("machine: NOT RUN on this machine:", reason)
		return
	}
	code, err := runAlone(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
		code = 1
	}
	os.Exit(code)
}

func runAlone(m *testing.M) (code int, err error) {
	if binary, err = rig.Binary(); err != nil {
		return 0, err
	}
	goOn, err := rig.SetAside(binary)
	if err != nil {
		return 0, err
	}
	defer goOn()
	return m.Run(), nil
}

// How long a test waits for what must happen, and how often it looks. Things
// happen in seconds; the rest is for a busy machine.
const (
	patience  = 90 * time.Second
	lookEvery = 100 * time.Millisecond
)

// eventually looks until check has nothing left to object to.
func eventually(check func() error) error {
	deadline := time.After(patience)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-deadline:
			return fmt.Errorf("not within %s: %w", patience, err)
		case <-tick.C:
		}
	}
}

// must ends the test at an error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
