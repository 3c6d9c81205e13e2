package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// FuzzSaved takes anything for a saved configuration: it is refused in a sentence
// that names the file, or is one that can be saved and read again.
func FuzzSaved(f *testing.F) {
	defaults, err := json.Marshal(Default())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(defaults)
	f.Add([]byte(`{"PodCIDR":"10.0.0.0/33"}`))
	f.Add([]byte(`{"APIPort":-1,"Domain":"…"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := layout.Layout{Root: t.TempDir()}
		if err := os.WriteFile(l.Config(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Saved(l)
		if err != nil || c.Validate() != nil {
			return
		}
		if c.DataDir != l.Root || filepath.Dir(c.Layout().Config()) != l.Root {
			t.Fatalf("the configuration in %s leads to %s", l.Root, c.DataDir)
		}
		if err := c.Save(); err != nil {
			t.Fatalf("a valid configuration cannot be saved: %v\n%s", err, data)
		}
		if again, err := Saved(l); err != nil || again != c {
			t.Errorf("saved and read again (%v) it is %+v, and was %+v", err, again, c)
		}
	})
}
