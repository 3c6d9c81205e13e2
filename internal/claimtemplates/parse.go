package claimtemplates

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Annotation of a StatefulSet has the record. Without it, the templates of the spec are what
// is wanted.
const Annotation = "ordinal.dev/claim-templates"

// Wanted is a claim template as it was last applied.
type Wanted struct {
	Name string            `json:"name"`
	Size resource.Quantity `json:"size"` // requests.storage; more than 0
	// VolumeAttributesClassName is nil where the template names none.
	VolumeAttributesClassName *string           `json:"volumeAttributesClassName,omitempty"`
	Labels                    map[string]string `json:"labels,omitempty"`
	Annotations               map[string]string `json:"annotations,omitempty"`

	// AccessModes are there if the set has no template of this name, and so is what follows,
	// nil for what a claim has by default.
	AccessModes      []corev1.PersistentVolumeAccessMode `json:"accessModes,omitempty"`
	StorageClassName *string                             `json:"storageClassName,omitempty"`
	VolumeMode       *corev1.PersistentVolumeMode        `json:"volumeMode,omitempty"`
}

// Added reports whether the template was none of the set's when it was recorded.
func (w Wanted) Added() bool { return len(w.AccessModes) > 0 }

// Parse reads a record, in its order, each name once. An empty one, which no policy writes,
// says nothing.
func Parse(annotation string) ([]Wanted, error) {
	if annotation == "" {
		return nil, nil
	}
	templates, err := decode(annotation)
	if err == nil {
		err = check(templates)
	}
	if err != nil {
		return nil, fmt.Errorf("annotation %s is not as an apply writes it, so claim templates count as they are in the spec: %w; apply the manifest again, or remove the annotation", Annotation, err)
	}
	return templates, nil
}

func decode(annotation string) ([]Wanted, error) {
	var templates []Wanted
	decoder := json.NewDecoder(strings.NewReader(annotation))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&templates); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its last bracket")
	}
	return templates, nil
}

func check(templates []Wanted) error {
	seen := map[string]bool{}
	for _, t := range templates {
		switch {
		case len(validation.IsDNS1123Subdomain(t.Name)) > 0:
			return fmt.Errorf("%q is no template's name", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("it has template %q twice", t.Name)
		case t.Size.Sign() <= 0:
			return fmt.Errorf("template %q has no size", t.Name)
		case !t.Added() && (t.StorageClassName != nil || t.VolumeMode != nil):
			return fmt.Errorf("template %q has no accessModes, which belong to storageClassName and volumeMode", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}
