package takeover

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// A sample is a set and what happens to it, in order.
type sample struct {
	set     *appsv1.StatefulSet
	changes [][]byte // strategic merge patches, in JSON
}

// readCorpus reads testdata. A document that names a set of the same file which
// came before is a change of it.
func readCorpus(t *testing.T) []*sample {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []*sample
	known := map[string]*sample{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, document := range strings.Split(string(data), "\n---\n") {
			set, err := setOf(document)
			if err != nil {
				t.Fatalf("%s, document %d: %v", file, i, err)
			}
			switch {
			case set.Name == "": // only comments
			case known[set.Name] != nil:
				change, err := yaml.YAMLToJSON([]byte(document))
				if err != nil {
					t.Fatalf("%s, document %d: %v", file, i, err)
				}
				known[set.Name].changes = append(known[set.Name].changes, change)
			case set.Kind == "":
				t.Fatalf("%s, document %d changes %s, which is not there before it", file, i, set.Name)
			default:
				known[set.Name] = &sample{set: set}
				corpus = append(corpus, known[set.Name])
			}
		}
	}
	return corpus
}

// setOf refuses what it does not know, so that a typing error tests nothing.
func setOf(document string) (*appsv1.StatefulSet, error) {
	set := &appsv1.StatefulSet{}
	if err := yaml.UnmarshalStrict([]byte(document), set); err != nil {
		return nil, err
	}
	return set, nil
}

// atRest objects unless the controller in charge has nothing left to do for the
// set.
func atRest(set *appsv1.StatefulSet) error {
	status, wanted := set.Status, *set.Spec.Replicas
	updated := wanted
	switch strategy := set.Spec.UpdateStrategy; {
	case strategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		updated = 0
	case strategy.RollingUpdate != nil && strategy.RollingUpdate.Partition != nil:
		updated = max(0, wanted-*strategy.RollingUpdate.Partition)
	}
	if status.ObservedGeneration != set.Generation || status.Replicas != wanted ||
		status.AvailableReplicas != wanted || status.UpdatedReplicas < updated {
		return fmt.Errorf("%s is not at rest: %+v", set.Name, status)
	}
	return nil
}
