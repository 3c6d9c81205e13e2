package images

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// manifest answers for a tag or a digest. The repository is that of the host
// in the image's name, which containerd tells a mirror in the query: two
// registries may well have a repository of one name.
func (h handler) manifest(w http.ResponseWriter, r *http.Request, repository, reference string) {
	d := v1.Descriptor{}
	var err error
	if strings.Contains(reference, ":") {
		d, err = h.byDigest(reference)
	} else {
		d, err = h.store.find(r.URL.Query().Get("ns") + "/" + repository + ":" + reference)
	}
	if err != nil {
		h.failed(w, "MANIFEST_UNKNOWN", err)
		return
	}
	content, err := os.ReadFile(h.store.blobPath(d.Digest))
	if err != nil {
		h.failed(w, "MANIFEST_UNKNOWN", err)
		return
	}
	w.Header().Set("Content-Type", string(d.MediaType))
	w.Header().Set("Docker-Content-Digest", d.Digest.String())
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// byDigest describes a manifest that was asked for by its digest. Its media
// type is in it or, where the OCI specification lets that be left out, in what
// it lists.
func (h handler) byDigest(digest string) (v1.Descriptor, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return v1.Descriptor{}, fs.ErrNotExist
	}
	var content struct {
		MediaType types.MediaType
		Manifests json.RawMessage
	}
	if err := readJSON(h.store, hash, &content); err != nil {
		return v1.Descriptor{}, err
	}
	mediaType := content.MediaType
	switch {
	case mediaType != "":
	case content.Manifests != nil:
		mediaType = types.OCIImageIndex
	default:
		mediaType = types.OCIManifestSchema1
	}
	return v1.Descriptor{MediaType: mediaType, Digest: hash}, nil
}

// blob answers for a configuration or a layer, in parts if asked. A digest is
// the same content in every repository.
func (h handler) blob(w http.ResponseWriter, r *http.Request, digest string) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		h.failed(w, "DIGEST_INVALID", fs.ErrNotExist)
		return
	}
	file, err := os.Open(h.store.blobPath(hash))
	if err != nil {
		h.failed(w, "BLOB_UNKNOWN", err)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", time.Time{}, file)
}

// failed answers 404 for what is not here, upon which containerd goes on to
// the real registry, and 500 for what is here and cannot be read.
func (h handler) failed(w http.ResponseWriter, code string, err error) {
	missing := new(missingError)
	if errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.As(err, &missing) {
		fail(w, http.StatusNotFound, code, "not loaded here")
		return
	}
	fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
}
