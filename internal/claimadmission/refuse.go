package claimadmission

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"ordinal.dev/ordinal/internal/claimtemplates"
)

// instead is what ends most refusals.
const instead = ` run \"kubectl delete statefulset " + object.metadata.name + " --cascade=orphan\" and apply again`

// refusals are variables: parts, in their order, and at last all sentences.
var refusals = []admissionv1.Variable{
	// A template that is gone. One that was added and is not in the set may go.
	{Name: "removed", Expression: `variables.old.filter(o, !variables.new.exists(n, n.metadata.name == o.metadata.name)).map(o, ` +
		`"claim template \"" + o.metadata.name + "\" cannot be removed from a StatefulSet that has it: keep it, or` + instead + `, which leaves its claims")`},

	// A template that differs in what no claim can change.
	{Name: "frozen", Expression: `variables.old.map(o, variables.new.filter(n, n.metadata.name == o.metadata.name).map(n, ` +
		`{"name": string(n.metadata.name), "fields": (` + differing("metadata", "name", "labels", "annotations", "creationTimestamp") + ` + ` +
		differing("spec", "resources", "volumeAttributesClassName") + ` + ` + otherResources + `).join(", ")})).flatten().filter(f, f.fields != "").map(f, ` +
		`"claim template \"" + f.name + "\" cannot change in " + f.fields + ", since claims keep what they were made with` + move + `")`},

	// One that is added, and now differs from what it was added as.
	{Name: "moved", Expression: fmt.Sprintf(`variables.added.filter(n, [object.metadata.?annotations[?%q].orValue("")].exists(r, `+
		`r.contains("{\"name\":\"" + n.metadata.name + "\",") && !r.contains("{" + %s + ","))).map(n, `+
		`"claim template \"" + n.metadata.name + "\" cannot change in accessModes, storageClassName or volumeMode, since claims keep what they were made with`+move+`")`,
		claimtemplates.Annotation, identified("n"))},

	// One that is added with what a record does not carry.
	{Name: "more", Expression: `variables.added.map(n, {"name": string(n.metadata.name), "fields": (` +
		`n.metadata.map(k, k).filter(k, !(k in ["name", "labels", "annotations", "creationTimestamp"])) + ` +
		`n.spec.map(k, k).filter(k, !(k in ["accessModes", "storageClassName", "volumeMode", "volumeAttributesClassName", "resources"])) + ` +
		`n.spec.?resources.orValue({}).map(k, k).filter(k, k != "requests")).sort().join(", ")}).filter(f, f.fields != "").map(f, ` +
		`"claim template \"" + f.name + "\", which is new, cannot have " + f.fields + ": leave it out, or` + instead + `")`},

	// One that is added and mounted, and has no volume in the pod template: with the old
	// claim templates the API server finds nothing to mount.
	{Name: "unseen", Expression: `variables.added.map(n, string(n.metadata.name)).filter(name, ` +
		`!object.spec.template.spec.?volumes.orValue([]).exists(v, v.name == name) && ` +
		`(object.spec.template.spec.?initContainers.orValue([]) + object.spec.template.spec.?containers.orValue([])).exists(c, ` +
		`(c.?volumeMounts.orValue([]).map(m, string(m.name)) + c.?volumeDevices.orValue([]).map(m, string(m.name))).exists(m, m == name)))`},
	{Name: "unfounded", Expression: `variables.removed.size() > 0 ? [] : variables.unseen.map(name, ` +
		`"claim template \"" + name + "\", which is new, is mounted, and has no volume to take the place of: add {name: " + name + ", emptyDir: {}} to spec.template.spec.volumes")`},

	// What no claim could be made from.
	{Name: "twice", Expression: `variables.new.map(n, string(n.metadata.name)).distinct().filter(name, variables.new.filter(n, n.metadata.name == name).size() > 1).map(name, ` +
		`"two claim templates are named \"" + name + "\": give each a name of its own")`},
	{Name: "lacking", Expression: `variables.new.filter(n, string(n.spec.?resources.?requests[?"storage"].orValue("")) == "").map(n, ` +
		`"claim template \"" + n.metadata.name + "\" has no size: set its spec.resources.requests.storage") + ` +
		`variables.added.filter(n, n.spec.?accessModes.orValue([]).size() == 0).map(n, ` +
		`"claim template \"" + n.metadata.name + "\" has no accessModes: set its spec.accessModes, to [ReadWriteOnce] for a volume of one pod")`},
	{Name: "misspelled", Expression: `variables.new.filter(n, !(` + spelled + `)).map(n, ` +
		`"claim template \"" + n.metadata.name + "\" has a name, class, mode, label or annotation that no claim can have: mend its spelling")`},

	{Name: "refusals", Expression: `variables.removed + variables.frozen + variables.moved + variables.more + variables.unfounded + variables.twice + variables.lacking + variables.misspelled`},
}

const move = `: add a template under another name and move the data to it, or, for new claims alone,` + instead

// differing are the fields of n's part that are not as they are in o's, but for some.
func differing(part string, but ...string) string {
	list := ""
	for i, field := range but {
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf("%q", field)
	}
	return fmt.Sprintf(`(o.%[1]s.map(k, k) + n.%[1]s.map(k, k)).distinct().sort().filter(k, !(k in [%[2]s]) && o.%[1]s[?k] != n.%[1]s[?k])`, part, list)
}

// otherResources is the field with its name if anything but the size is another.
const otherResources = `(o.spec.?resources.?limits != n.spec.?resources.?limits || ` +
	`o.spec.?resources.?requests.orValue({}).map(k, k).exists(k, k != "storage" && o.spec.resources.requests[?k] != n.spec.?resources.?requests[?k]) || ` +
	`n.spec.?resources.?requests.orValue({}).map(k, k).exists(k, k != "storage" && n.spec.resources.requests[?k] != o.spec.?resources.?requests[?k]) ? ["resources but requests.storage"] : [])`

// spelled tells whether everything in n that goes into a record is spelled as the API server
// wants it in a claim, as far as a record depends on it.
const spelled = `n.metadata.name.matches("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$") && ` +
	`n.spec.?storageClassName.orValue("").matches("^[-a-z0-9.]*$") && n.spec.?volumeAttributesClassName.orValue("").matches("^[-a-z0-9.]*$") && ` +
	`n.spec.?accessModes.orValue([]).all(m, string(m).matches("^[A-Za-z]+$")) && string(n.spec.?volumeMode.orValue("")).matches("^[A-Za-z]*$") && ` +
	`[n.metadata.?labels.orValue({}), n.metadata.?annotations.orValue({})].all(m, m.all(k, k.matches("^[-A-Za-z0-9_./]+$") && !m[k].matches("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]")))`
