package integration

import (
	"fmt"
	"strings"
	"testing"
)

// refused objects unless an error is a refusal with this sentence, and has none of upstream's.
func refused(err error, says string) error {
	if err == nil {
		return fmt.Errorf("it was accepted, and not refused with %q", says)
	}
	if text := err.Error(); !strings.Contains(text, says) || strings.Contains(text, "immutable") {
		return fmt.Errorf("it was refused with\n%s\nand not with\n%s", text, says)
	}
	return nil
}

// What cannot be done is refused in a sentence that says what to do, and nothing of it is
// stored.
func TestClaimTemplatesThatCannotBeSoAreRefusedInWords(t *testing.T) {
	const orphan = `run "kubectl delete statefulset web --cascade=orphan" and apply again`
	const move = `add a template under another name and move the data to it, or, for new claims alone, ` + orphan
	template := func(metadata, spec string) string { return "[{metadata: {" + metadata + "}, spec: {" + spec + "}}]" }
	const modes, size = "accessModes: [ReadWriteOnce]", "resources: {requests: {storage: 1Gi}}"
	added := func(metadata, spec string) string {
		return strings.TrimSuffix(small, "]") + ", " + template(metadata, spec)[1:]
	}
	for name, test := range map[string]struct{ templates, says string }{
		"another access mode": {
			template("name: data", "accessModes: [ReadWriteMany], "+size),
			`claim template "data" cannot change in accessModes, since claims keep what they were made with: ` + move,
		},
		"another class": {
			template("name: data", "storageClassName: fast, "+modes+", "+size),
			`claim template "data" cannot change in storageClassName, since claims keep what they were made with: ` + move,
		},
		"another mode and a selector": {
			template("name: data", "volumeMode: Block, selector: {matchLabels: {a: b}}, "+modes+", "+size),
			`claim template "data" cannot change in selector, volumeMode, since claims keep what they were made with: ` + move,
		},
		"another limit": {
			template("name: data", modes+", resources: {limits: {storage: 9Gi}, requests: {storage: 2Gi}}"),
			`claim template "data" cannot change in resources but requests.storage, since claims`,
		},
		"a finalizer": {
			template("name: data, finalizers: [a.b/c]", modes+", "+size),
			`claim template "data" cannot change in finalizers, since claims`,
		},
		"one less": {
			`[]`,
			`claim template "data" cannot be removed from a StatefulSet that has it: keep it, or ` + orphan + `, which leaves its claims`,
		},
		"another name": {
			template("name: date", modes+", "+size),
			`claim template "data" cannot be removed from a StatefulSet that has it`,
		},
		"no size": {
			template("name: data", modes),
			`claim template "data" has no size: set its spec.resources.requests.storage`,
		},
		"one more without access modes": {
			added("name: wal", size),
			`claim template "wal" has no accessModes: set its spec.accessModes, to [ReadWriteOnce] for a volume of one pod`,
		},
		"one more with a source": {
			added("name: wal", "dataSource: {kind: PersistentVolumeClaim, name: x}, "+modes+", "+size),
			`claim template "wal", which is new, cannot have dataSource: leave it out, or ` + orphan,
		},
		"one name twice": {
			added("name: data", modes+", "+size),
			`two claim templates are named "data": give each a name of its own`,
		},
		"a name that is none": {
			added("name: 'a\"b'", modes+", "+size),
			`claim template "a"b" has a name, class, mode, label or annotation that no claim can have: mend its spelling`,
		},
		"a bell": {
			template(`name: data, annotations: {a: "\a"}`, modes+", "+size),
			`claim template "data" has a name, class, mode, label or annotation that no claim can have`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := accepting(t)
			w.says("apply", "-f", w.file(manifest(small)))
			for _, how := range [][]string{nil, {"--server-side", "--force-conflicts"}} {
				_, err := w.runsKubectl(append([]string{"apply", "-f", w.file(manifest(test.templates))}, how...)...)
				w.Must(refused(err, test.says))
				if strings.Count(err.Error(), "claim template") != 1 {
					t.Errorf("it is more than one sentence: %v", err)
				}
				w.Must(wants(w.stored(), ""))
				if len(w.stored().Spec.VolumeClaimTemplates) != 1 {
					t.Error("its templates have changed")
				}
			}
		})
	}
}

// What mounts a claim that is new needs a volume of its name in the pod template, which a
// StatefulSet's own templates do without.
func TestAnAddedTemplateThatIsMountedNeedsAVolume(t *testing.T) {
	w := accepting(t)
	text := strings.Replace(manifest(small), `image: "web:1"}]`, `image: "web:1", volumeMounts: [{name: data, mountPath: /data}]}]`, 1)
	w.says("apply", "-f", w.file(text))
	text = strings.Replace(text, "mountPath: /data}", "mountPath: /data}, {name: wal, mountPath: /wal}", 1)
	text = strings.Replace(text, small, strings.TrimSuffix(small, "]")+", {metadata: {name: wal}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]", 1)
	_, err := w.runsKubectl("apply", "-f", w.file(text))
	w.Must(refused(err, `claim template "wal", which is new, is mounted, and has no volume to take the place of: add {name: wal, emptyDir: {}} to spec.template.spec.volumes`))
	w.says("apply", "-f", w.file(strings.Replace(text, "containers:", "volumes: [{name: wal, emptyDir: {}}], containers:", 1)))
	w.Must(wants(w.stored(), `[{"name":"data","size":"1Gi"},{"name":"wal","accessModes":["ReadWriteOnce"],"volumeMode":"Filesystem","size":"1Gi"}]`))
	_, err = w.runsKubectl("apply", "-f", w.file(strings.ReplaceAll(text, "name: data", "name: date")))
	w.Must(refused(err, `claim template "data" cannot be removed from a StatefulSet that has it`))
}

// A template that was added is the set's from then on, though it is in the record alone: it
// may grow and go, and its claims stay what they are.
func TestAnAddedTemplateKeepsItsClass(t *testing.T) {
	w := accepting(t)
	with := func(spec string) string {
		return w.file(manifest(strings.TrimSuffix(small, "]") + ", {metadata: {name: wal}, spec: {accessModes: [ReadWriteOnce], " + spec + "}}]"))
	}
	const record = `[{"name":"data","size":"1Gi"},{"name":"wal","accessModes":["ReadWriteOnce"],"storageClassName":"fast","volumeMode":"Filesystem","size":`
	w.says("apply", "-f", w.file(manifest(small)))
	w.says("apply", "-f", with("storageClassName: fast, resources: {requests: {storage: 1Gi}}"))
	w.Must(wants(w.stored(), record+`"1Gi"}]`))
	w.says("apply", "-f", with("storageClassName: fast, resources: {requests: {storage: 2Gi}}"))
	w.Must(wants(w.stored(), record+`"2Gi"}]`))
	_, err := w.runsKubectl("apply", "-f", with("storageClassName: slow, resources: {requests: {storage: 2Gi}}"))
	w.Must(refused(err, `claim template "wal" cannot change in accessModes, storageClassName or volumeMode, since claims keep what they were made with`))
	w.Must(wants(w.stored(), record+`"2Gi"}]`))
	w.says("apply", "-f", w.file(manifest(small)))
	w.Must(wants(w.stored(), ""))
}
