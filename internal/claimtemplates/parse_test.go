package claimtemplates

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func TestARecordSaysWhatIsWanted(t *testing.T) {
	for annotation, want := range map[string][]Wanted{
		``:                                nil,
		`[]`:                              {},
		`[{"name":"data","size":"20Gi"}]`: {{Name: "data", Size: resource.MustParse("20Gi")}},
		`[{"name":"data","size":"1Ti","volumeAttributesClassName":"gold","labels":{"tier":"hot"},"annotations":{"a":"says \"b\\c\"\n"}},
		  {"name":"log","size":"500M"}]`: {
			{
				Name: "data", Size: resource.MustParse("1Ti"), VolumeAttributesClassName: ptr.To("gold"),
				Labels: map[string]string{"tier": "hot"}, Annotations: map[string]string{"a": "says \"b\\c\"\n"},
			},
			{Name: "log", Size: resource.MustParse("500M")},
		},
		`[{"name":"new","size":"1Gi","accessModes":["ReadWriteOnce","ReadOnlyMany"],"storageClassName":"","volumeMode":"Block"}]`: {{
			Name: "new", Size: resource.MustParse("1Gi"),
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany},
			StorageClassName: ptr.To(""), VolumeMode: ptr.To(corev1.PersistentVolumeBlock),
		}},
	} {
		have, err := Parse(annotation)
		if err != nil || !equality.Semantic.DeepEqual(have, want) {
			t.Errorf("%s is read as\n%+v, %v\nand not as\n%+v", annotation, have, err, want)
		}
	}
}

func TestOnlyATemplateWithAccessModesIsAdded(t *testing.T) {
	templates, err := Parse(`[{"name":"data","size":"2Gi"},{"name":"new","size":"1Gi","accessModes":["ReadWriteOnce"]}]`)
	if err != nil || templates[0].Added() || !templates[1].Added() {
		t.Errorf("of %+v (%v), the second one alone is new", templates, err)
	}
}

func TestWhatNoApplyWritesIsRefusedInOneSentence(t *testing.T) {
	for annotation, says := range map[string]string{
		`data=2Gi`:                                                    "invalid character",
		`[{"name":"data","size":"2Gi"}`:                               "unexpected EOF",
		`[{"name":"data","size":"2Gi"}] and so`:                       "something follows its last bracket",
		`[{"name":"data","size":"2Gi","class":"x"}]`:                  `unknown field "class"`,
		`[{"name":"data"}]`:                                           `template "data" has no size`,
		`[{"name":"data","size":"0"}]`:                                `template "data" has no size`,
		`[{"name":"data","size":"much"}]`:                             "quantities must match",
		`[{"size":"2Gi"}]`:                                            `"" is no template's name`,
		`[{"name":"../x","size":"2Gi"}]`:                              `"../x" is no template's name`,
		`[{"name":"data","size":"1Gi"},{"name":"data","size":"2Gi"}]`: `it has template "data" twice`,
		`[{"name":"data","size":"1Gi","storageClassName":"x"}]`:       `template "data" has no accessModes`,
	} {
		have, err := Parse(annotation)
		if err == nil {
			t.Errorf("%s was taken for %+v", annotation, have)
			continue
		}
		if text := err.Error(); !strings.Contains(text, says) || !strings.Contains(text, "remove the annotation") || strings.Contains(text, "\n") {
			t.Errorf("%s was refused with\n%s\nand not with %q in one sentence", annotation, text, says)
		}
	}
}

// FuzzParse takes any annotation: what is read of it must be fit for claims, and be read
// again as what it was.
func FuzzParse(f *testing.F) {
	f.Add(`[{"name":"data","size":"20Gi","volumeAttributesClassName":"gold","labels":{"a":"b"},"annotations":{"c":"\"\u0007"}}]`)
	f.Add(`[{"name":"new","size":"1e3","accessModes":["ReadWriteOnce"],"storageClassName":"","volumeMode":"Block"},{"name":"log","size":"1"}]`)
	f.Add(`[{"name":"data","size":null}]`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, annotation string) {
		templates, err := Parse(annotation)
		if err != nil {
			return
		}
		for _, w := range templates {
			if w.Name == "" || w.Size.Sign() <= 0 {
				t.Errorf("%s has a template that no claim can be made from: %+v", annotation, w)
			}
		}
		text, err := json.Marshal(templates)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(string(text)); err != nil || !equality.Semantic.DeepEqual(again, templates) {
			t.Errorf("%s is read as\n%+v\nand, written as %s, as\n%+v, %v", annotation, templates, text, again, err)
		}
	})
}
