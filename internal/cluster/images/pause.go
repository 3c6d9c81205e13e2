package images

import (
	"bytes"
	"context"
	"fmt"

	"ordinal.dev/ordinal/internal/ociimage"
)

// PauseImage is the sandbox image: every pod's first container. containerd is
// told to pin it, and pulls it from the store like any other.
const PauseImage = "ordinal.dev/pause:1"

// EnsurePause makes sure that the store holds the sandbox image, made of the
// pause program.
func (s *Store) EnsurePause(ctx context.Context, program string) error {
	image, err := ociimage.Build(program)
	if err != nil {
		return fmt.Errorf("make the sandbox image: %w", err)
	}
	var saved bytes.Buffer
	if err := ociimage.Write(&saved, image, PauseImage); err != nil {
		return fmt.Errorf("make the sandbox image: %w", err)
	}
	_, err = s.receive(ctx, func(_ context.Context, a *archive) error { return a.readTar(&saved) }, "")
	if err != nil {
		return fmt.Errorf("store the sandbox image: %w", err)
	}
	return nil
}
