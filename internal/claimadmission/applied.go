package claimadmission

import (
	"fmt"

	"ordinal.dev/ordinal/internal/claimtemplates"
)

// lastApplied is where kubectl apply keeps the manifest that it has applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

var (
	changed  = `object.spec.?volumeClaimTemplates != oldObject.spec.?volumeClaimTemplates`
	recorded = fmt.Sprintf(`object.metadata.?annotations[?%q].hasValue()`, claimtemplates.Annotation)

	// Who goes back to the templates that the set was made with writes what is there, as
	// does who reads a set, changes something else, and writes it. Two of those who apply
	// can be told from these, and end the record.

	// appliedByClient is a manifest of kubectl apply that is another one than before and has
	// templates. One with the record in it was read from the API server, and not written by
	// hand: kubectl replace and --save-config keep that in the same annotation.
	appliedByClient = fmt.Sprintf(
		`object.metadata.annotations[?%[1]q] != oldObject.metadata.?annotations[?%[1]q] && `+
			`object.metadata.annotations[?%[1]q].orValue("").contains("\"volumeClaimTemplates\":") && `+
			`!object.metadata.annotations[?%[1]q].orValue("").contains(%[2]q)`,
		lastApplied, claimtemplates.Annotation)

	// appliedByServer is a server-side apply that has templates, and had them before: what it
	// owns is what its manifest has. Admission is told who writes and not how, so a name under
	// which other updates were made, too, does not count. Nor does a write by which a name
	// comes or goes: kubectl gives one what another has owned, and applies nothing by it.
	appliedByServer = `object.metadata.?managedFields.orValue([]).size() == oldObject.metadata.?managedFields.orValue([]).size() && ` +
		`[object, oldObject].all(o, o.metadata.?managedFields.orValue([]).filter(m, ` +
		`m.manager == request.options.?fieldManager.orValue("") && m.?subresource.orValue("") == "" && ` +
		`(m.operation != "Apply" || m.fieldsV1[?"f:spec"][?"f:volumeClaimTemplates"].hasValue())` +
		`).map(m, m.operation) == ["Apply"])`
)
