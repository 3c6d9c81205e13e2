package images

import (
	"fmt"

	"github.com/distribution/reference"
)

// Normalize returns the full name of an image, as Docker and the kubelet
// complete it: my-image is docker.io/library/my-image:latest.
func Normalize(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("%q is not an image name: %w", name, err)
	}
	if _, digested := named.(reference.Digested); digested {
		return "", fmt.Errorf("%q names an image by its digest: give it a name with a tag", name)
	}
	return reference.TagNameOnly(named).String(), nil
}
