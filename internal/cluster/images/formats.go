package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	ociIndexFile       = "index.json"
	dockerManifestFile = "manifest.json"
	// refNameAnnotation is the OCI layout's own annotation for a name. Some
	// tools write a whole name there and others a tag alone.
	refNameAnnotation = "org.opencontainers.image.ref.name"
)

// A dockerImage is one entry of the manifest.json that `docker save` writes.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// images returns what the archive holds, one descriptor a name, each with its
// full name in nameAnnotation. The name given takes the place of what the archive says.
func (a *archive) images(given string) ([]v1.Descriptor, error) {
	found, err := a.described()
	if err != nil {
		return nil, err
	}
	var order []string
	byName := map[string][]v1.Descriptor{}
	said, seen := map[string]bool{}, map[v1.Hash]bool{}
	for _, d := range found {
		name := d.Annotations[nameAnnotation]
		if given != "" {
			if said[name] = true; seen[d.Digest] {
				continue // under another name
			}
			seen[d.Digest] = true
			name = given
		}
		if name == "" {
			return nil, errors.New("does not say what its image is called: give it a name with --name")
		}
		full, err := Normalize(name)
		if err != nil {
			return nil, err
		}
		if byName[full] == nil {
			order = append(order, full)
		}
		byName[full] = append(byName[full], d)
	}
	if len(said) > 1 && len(seen) > 1 {
		return nil, fmt.Errorf("it holds %d images, and --name is for one: load it without", len(said))
	}
	images := make([]v1.Descriptor, 0, len(order))
	for _, name := range order {
		d, err := a.merge(byName[name])
		if err != nil {
			return nil, err
		}
		d.Annotations = map[string]string{nameAnnotation: name}
		images = append(images, d)
	}
	return images, nil
}

// described reads whichever description the archive has. Newer Dockers write
// both; the OCI one is the original, digests included.
func (a *archive) described() ([]v1.Descriptor, error) {
	if f, ok := a.get(ociIndexFile); ok {
		return a.describedByOCI(f)
	}
	if f, ok := a.get(dockerManifestFile); ok {
		return a.describedByDocker(f)
	}
	return nil, errNotImage
}

func (a *archive) describedByOCI(f file) ([]v1.Descriptor, error) {
	var index v1.IndexManifest
	if err := readJSON(a, f.digest, &index); err != nil || len(index.Manifests) == 0 {
		return nil, errNotImage
	}
	for i, d := range index.Manifests {
		name := d.Annotations[nameAnnotation]
		if ref := d.Annotations[refNameAnnotation]; name == "" && strings.ContainsAny(ref, ":/") {
			name = ref
		}
		index.Manifests[i].Annotations = map[string]string{nameAnnotation: name}
	}
	return index.Manifests, nil
}

// describedByDocker makes the manifests that older Dockers do not save.
func (a *archive) describedByDocker(f file) ([]v1.Descriptor, error) {
	var saved []dockerImage
	if err := readJSON(a, f.digest, &saved); err != nil || len(saved) == 0 {
		return nil, errNotImage
	}
	var found []v1.Descriptor
	for _, image := range saved {
		d, err := a.dockerManifest(image)
		if err != nil {
			return nil, err
		}
		names := image.RepoTags
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			d.Annotations = map[string]string{nameAnnotation: name}
			found = append(found, d)
		}
	}
	return found, nil
}

func (a *archive) dockerManifest(image dockerImage) (v1.Descriptor, error) {
	config, ok := a.get(image.Config)
	if !ok {
		return v1.Descriptor{}, fmt.Errorf("incomplete: %s is missing; save or copy it again", image.Config)
	}
	manifest := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.DockerManifestSchema2,
		Config:        v1.Descriptor{MediaType: types.DockerConfigJSON, Size: config.size, Digest: config.digest},
	}
	for _, name := range image.Layers {
		layer, ok := a.get(name)
		if !ok {
			return v1.Descriptor{}, fmt.Errorf("incomplete: %s is missing; save or copy it again", name)
		}
		mediaType, err := layerType(layer)
		if err != nil {
			return v1.Descriptor{}, err
		}
		manifest.Layers = append(manifest.Layers, v1.Descriptor{MediaType: mediaType, Size: layer.size, Digest: layer.digest})
	}
	return a.describe(manifest.MediaType, manifest)
}

// layerType looks at how a layer is compressed, which manifest.json does not
// say.
func layerType(layer file) (types.MediaType, error) {
	content, err := os.Open(layer.path)
	if err != nil {
		return "", err
	}
	defer content.Close()
	start := make([]byte, len(zstdMagic))
	if _, err := io.ReadFull(content, start); err != nil {
		return "", err
	}
	switch compressionOf(start) {
	case compression.GZip:
		return types.DockerLayer, nil
	case compression.ZStd:
		return types.OCILayerZStd, nil
	default:
		return types.DockerUncompressedLayer, nil
	}
}

// merge makes one image of the descriptors that an archive has under one name:
// one for each platform, where it does not hold an index of them.
func (a *archive) merge(platforms []v1.Descriptor) (v1.Descriptor, error) {
	if len(platforms) == 1 {
		return platforms[0], nil
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, d := range platforms {
		if d.Platform == nil {
			return v1.Descriptor{}, errors.New("holds several images of one name and does not say for which platforms")
		}
		d.Annotations = nil
		index.Manifests = append(index.Manifests, d)
	}
	return a.describe(index.MediaType, index)
}

func (a *archive) describe(mediaType types.MediaType, manifest any) (v1.Descriptor, error) {
	content, err := json.Marshal(manifest)
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, err := a.addBytes(content)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: mediaType, Size: int64(len(content)), Digest: digest}, nil
}
