package fence

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// RecordName is that of the ConfigMap in which the controller says how it stands, in the
	// namespace that NamespaceAnnotation of the policy names.
	RecordName = "ordinal-status"
	// NamespaceAnnotation is where the policy says in which namespace Ordinal runs.
	NamespaceAnnotation = "ordinal.dev/controller-namespace"
	// recordKey is the ConfigMap's only key.
	recordKey = "status.json"
)

// Modes of the controller.
const (
	// Fenced acts in namespaces that have the label, while the fence is up.
	Fenced = "fenced"
	// WholeCluster acts wherever the label does not forbid it. The in-tree controller is
	// switched off.
	WholeCluster = "whole-cluster"
)

// States of a namespace.
const (
	Proving = "Proving" // the fence is not proven yet, and nothing is written
	Acting  = "Acting"
	Stopped = "Stopped" // nothing is written, and Why says why
	Leaving = "Leaving" // what was set is being taken back
	Left    = "Left"    // it has been: the label may go
)

// A Record is what the controller says of itself and of each namespace, for people.
type Record struct {
	Version    string            `json:"version"`
	Mode       string            `json:"mode"`
	Fence      string            `json:"fence,omitempty"` // why it is not up; empty if it is
	Namespaces []NamespaceRecord `json:"namespaces"`      // sorted by name
}

// A NamespaceRecord is how one namespace stands.
type NamespaceRecord struct {
	Name  string    `json:"name"`
	Sets  []string  `json:"sets,omitempty"` // those that are Ordinal's; empty for all
	State string    `json:"state"`
	Why   string    `json:"why,omitempty"`
	Left  []string  `json:"left,omitempty"` // sets that may be given back now; All for all
	Since time.Time `json:"since"`
}

// Of is the record of one namespace, nil if there is none.
func (r *Record) Of(namespace string) *NamespaceRecord {
	for i := range r.Namespaces {
		if r.Namespaces[i].Name == namespace {
			return &r.Namespaces[i]
		}
	}
	return nil
}

// Write puts a record into a ConfigMap.
func (r *Record) Write(to *corev1.ConfigMap) error {
	data, err := json.MarshalIndent(r, "", "  ")
	to.Data = map[string]string{recordKey: string(data)}
	return err
}

// ReadRecord reads what Write has written.
func ReadRecord(from *corev1.ConfigMap) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal([]byte(from.Data[recordKey]), r); err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s is not what the controller writes: %w", from.Namespace, from.Name, err)
	}
	return r, nil
}
