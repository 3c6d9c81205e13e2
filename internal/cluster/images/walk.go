package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxManifest bounds what is read into memory: the distribution specification
// has registries refuse larger manifests.
const maxManifest = 4 << 20

// blobs is where the parts of an image are read from: the store, or what has
// been read from an archive so far.
type blobs interface {
	open(v1.Hash) (io.ReadCloser, error)
}

// walk calls visit for each part of an image that is there: manifests, and
// under them configurations and layers. With a platform's manifest it names
// the platform.
//
// Of an index, which names several platforms, those that are not whole are left
// out, because that is how Docker saves an image of which it pulled one
// platform only.
func walk(from blobs, d v1.Descriptor, visit func(part v1.Descriptor, platform string)) error {
	switch {
	case d.MediaType.IsIndex():
		var index v1.IndexManifest
		if err := readJSON(from, d.Digest, &index); err != nil {
			return err
		}
		visit(d, "")
		for _, child := range index.Manifests {
			err := walk(from, child, visit)
			if missing := new(missingError); err != nil && !errors.As(err, &missing) {
				return err
			}
		}
		return nil
	case d.MediaType.IsImage():
		return walkPlatform(from, d, visit)
	default:
		return fmt.Errorf("%q is not the kind of image that containers run from", d.MediaType)
	}
}

func walkPlatform(from blobs, d v1.Descriptor, visit func(v1.Descriptor, string)) error {
	var manifest v1.Manifest
	if err := readJSON(from, d.Digest, &manifest); err != nil {
		return err
	}
	var config v1.ConfigFile
	if err := readJSON(from, manifest.Config.Digest, &config); err != nil {
		return err
	}
	for _, layer := range manifest.Layers {
		file, err := from.open(layer.Digest)
		if errors.Is(err, fs.ErrNotExist) {
			return &missingError{layer.Digest}
		}
		if err != nil {
			return err
		}
		file.Close()
	}
	visit(d, platformOf(config))
	visit(manifest.Config, "")
	for _, layer := range manifest.Layers {
		visit(layer, "")
	}
	return nil
}

// platformOf returns "" for what is not a program's image, such as the
// attestations that BuildKit adds beside each platform.
func platformOf(config v1.ConfigFile) string {
	if config.OS == "" || config.OS == "unknown" {
		return ""
	}
	return config.OS + "/" + config.Architecture
}

// A missingError says that an image names a part that is not there.
type missingError struct{ digest v1.Hash }

func (e *missingError) Error() string { return fmt.Sprintf("its part %s is missing", e.digest) }

func readJSON(from blobs, h v1.Hash, into any) error {
	file, err := from.open(h)
	if errors.Is(err, fs.ErrNotExist) {
		return &missingError{h}
	}
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxManifest))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s is no manifest: %w", h, err)
	}
	return nil
}
