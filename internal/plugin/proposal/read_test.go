package proposal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\n"

func TestManifestsAreReadFromFilesDirectoriesAndStandardInput(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.yaml":    "# only a comment\n---\n" + set + "---\napiVersion: v1\nkind: Service\nmetadata: {name: peers}\n",
		"b.json":    `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap"}]}`,
		"notes.txt": "no manifest",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	documents, err := Read([]string{dir, Stdin}, strings.NewReader(set))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range documents {
		got = append(got, d.GetKind()+" of "+strings.TrimPrefix(d.Source, dir+"/"))
	}
	want := "StatefulSet of a.yaml, document 2; Service of a.yaml, document 3; ConfigMap of b.json, document 1; StatefulSet of standard input, document 1"
	if all := strings.Join(got, "; "); all != want {
		t.Errorf("read %s\nwant %s", all, want)
	}
}

func TestAMistakeInAManifestIsOneSentence(t *testing.T) {
	empty := t.TempDir()
	for name, test := range map[string]struct{ file, input, want string }{
		"no file":         {"nowhere.yaml", "", "there is no file nowhere.yaml"},
		"empty directory": {empty, "", "has no .yaml, .yml or .json file"},
		"nothing":         {Stdin, "---\n---\n", "there is no object in standard input"},
		"no object":       {Stdin, set + "---\na: b\n", "standard input, document 2 has no apiVersion and kind"},
		"no YAML":         {Stdin, "a: [b", "standard input, document 1 is no manifest"},
		"a list":          {Stdin, "- a\n- b\n", "standard input, document 1 is no manifest"},
		"odd list":        {Stdin, "apiVersion: v1\nkind: List\nitems: [{a: b}]", "lists something without apiVersion and kind"},
		"no set":          {Stdin, "apiVersion: v1\nkind: Service", "there is no StatefulSet in standard input, and what happens to others is not forecast: it has Service"},
		"an old set":      {Stdin, "apiVersion: apps/v1beta2\nkind: StatefulSet", "write apiVersion: apps/v1"},
		"no name":         {Stdin, "apiVersion: apps/v1\nkind: StatefulSet", "a StatefulSet without metadata.name"},
	} {
		documents, err := Read([]string{test.file}, strings.NewReader(test.input))
		if err == nil {
			err = Check(documents, []string{test.file})
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: said %q, want %q in one line", name, err, test.want)
		}
	}
}
