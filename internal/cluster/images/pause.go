package images

import (
	"bytes"
	"context"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"ordinal.dev/ordinal/internal/ociimage"
)

// PauseImage is the sandbox image: every pod's first container. containerd is
// told to pin it, and pulls it from the store like any other.
const PauseImage = "ordinal.dev/pause:1"

// EnsurePause makes sure that the store holds the sandbox image, made of the
// pause program. If it does already, nobody who loads images is waited for.
func (s *Store) EnsurePause(ctx context.Context, program string) error {
	image, err := ociimage.Build(program)
	if err != nil {
		return fmt.Errorf("make the sandbox image: %w", err)
	}
	if digest, err := image.Digest(); err == nil && s.has(PauseImage, digest) {
		return nil
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

// has reports whether the store holds this image under this name, and all of its parts.
func (s *Store) has(name string, digest v1.Hash) bool {
	d, err := s.find(name)
	if err != nil || d.Digest != digest {
		return false
	}
	whole := true
	err = walk(s, d, func(part v1.Descriptor, _ string) {
		info, err := os.Stat(s.blobPath(part.Digest))
		whole = whole && err == nil && info.Size() == part.Size
	})
	return err == nil && whole
}
