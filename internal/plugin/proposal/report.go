package proposal

import (
	"fmt"
	"slices"
	"strings"

	"ordinal.dev/ordinal/internal/forecast"
)

// A Report is what would happen to the sets of a proposal.
type Report struct {
	// Changes is whether anything would happen at all.
	Changes bool                `json:"changes"`
	Sets    []forecast.Forecast `json:"sets"`
	Refused []Refusal           `json:"refused,omitempty"`
	// Kinds are those of objects that were not looked at, Others how many these are.
	Kinds  []string `json:"otherKinds,omitempty"`
	Others int      `json:"otherObjects,omitempty"`
	// StorageUnknown is set where this user may not list StorageClasses and volumes, so
	// that every claim counts as one that is served.
	StorageUnknown bool `json:"storageUnknown,omitempty"`
}

// A Refusal is an object that the API server would not accept.
type Refusal struct {
	Object string `json:"object"`
	Source string `json:"source,omitempty"`
	Why    string `json:"why"` // the API server's words
}

// String is the report as text.
func (r *Report) String() string {
	var parts []string
	for _, refusal := range r.Refused {
		from := ""
		if refusal.Source != "" {
			from = " (" + refusal.Source + ")"
		}
		parts = append(parts, fmt.Sprintf("%s%s would be refused: %s\n", refusal.Object, from, refusal.Why))
	}
	for i := range r.Sets {
		parts = append(parts, r.Sets[i].String())
	}
	if r.StorageUnknown && slices.ContainsFunc(r.Sets, func(f forecast.Forecast) bool { return f.Changes() }) {
		parts = append(parts, "This user may not list StorageClasses and volumes: every claim counts as one that is served.\n")
	}
	if r.Others > 0 {
		objects := "1 object"
		if r.Others > 1 {
			objects = fmt.Sprintf("%d objects", r.Others)
		}
		parts = append(parts, fmt.Sprintf("Not looked at: %s (%s).\n", objects, strings.Join(r.Kinds, ", ")))
	}
	return strings.Join(parts, "\n")
}
