package claimadmission

import (
	"fmt"
	"strings"
)

// record is what package claimtemplates reads. The frozen fields of a template that is
// added come right after its name, for a later update to be compared with.
var record = `"[" + variables.new.map(n, "{" + (` + strings.Join([]string{
	`[` + identified("n") + `]`,
	`(!has(n.spec.volumeAttributesClassName) || n.spec.volumeAttributesClassName == "" ? [] : ["\"volumeAttributesClassName\":\"" + n.spec.volumeAttributesClassName + "\""])`,
	`["\"size\":\"" + string(n.spec.?resources.?requests[?"storage"].orValue("")) + "\""]`,
	pairs("labels"),
	pairs("annotations"),
}, " +\n ") + `).join(",") + "}").join(",") + "]"`

// identified is a template's name with what its claims can never change, as far as the set
// does not say it.
func identified(n string) string {
	return fmt.Sprintf(`"\"name\":\"" + %[1]s.metadata.name + "\"" + (!variables.added.exists(a, a.metadata.name == %[1]s.metadata.name) ? "" :
  ",\"accessModes\":[\"" + %[1]s.spec.?accessModes.orValue([]).map(m, string(m)).join("\",\"") + "\"]" +
  (has(%[1]s.spec.storageClassName) ? ",\"storageClassName\":\"" + %[1]s.spec.storageClassName + "\"" : "") +
  (has(%[1]s.spec.volumeMode) ? ",\"volumeMode\":\"" + string(%[1]s.spec.volumeMode) + "\"" : ""))`, n)
}

// pairs are labels or annotations, sorted, so that the same ones are the same text. Their
// values may hold what JSON escapes; all else that goes into a record is checked not to.
func pairs(field string) string {
	return fmt.Sprintf(`(!has(n.metadata.%[1]s) || n.metadata.%[1]s.size() == 0 ? [] : ["\"%[1]s\":{" + n.metadata.%[1]s.map(k, k).sort().map(k, `+
		`"\"" + k + "\":\"" + n.metadata.%[1]s[k].replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + "\"").join(",") + "}"])`, field)
}
