package proposal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// A Document is one object of a manifest, and where it is from.
type Document struct {
	Source string // as in "web.yaml, document 2"
	*unstructured.Unstructured
}

// Stdin is the name of standard input.
const Stdin = "-"

// manifests are the ends of names by which files of a directory count, as kubectl has it.
var manifests = []string{".yaml", ".yml", ".json"}

// Read reads files, the files of directories, and standard input.
func Read(names []string, stdin io.Reader) ([]Document, error) {
	var all []Document
	for _, name := range names {
		documents, err := readAny(name, stdin)
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	return all, nil
}

func readAny(name string, stdin io.Reader) ([]Document, error) {
	if name == Stdin {
		return split("standard input", stdin)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", name)
	case err != nil:
		return nil, err
	case info.IsDir():
		return readDir(name)
	}
	return readFile(name)
}

func readFile(name string) ([]Document, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return split(name, file)
}

func readDir(dir string) ([]Document, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []Document
	found := false
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains(manifests, filepath.Ext(entry.Name())) {
			continue
		}
		found = true
		documents, err := readFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	if !found {
		return nil, fmt.Errorf("directory %s has no .yaml, .yml or .json file; those of directories in it are not read", dir)
	}
	return all, nil
}

// split reads a stream of documents.
func split(source string, from io.Reader) ([]Document, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(from))
	var all []Document
	for n := 1; ; n++ {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		at := fmt.Sprintf("%s, document %d", source, n)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", at, err)
		}
		documents, err := parse(at, text)
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
}

// parse reads one document, which may be empty, or a list of objects.
func parse(at string, text []byte) ([]Document, error) {
	var content map[string]any
	data, err := yaml.YAMLToJSON(text)
	if err == nil && !bytes.Equal(data, []byte("null")) {
		err = yaml.Unmarshal(data, &content)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no manifest: %w", at, err)
	}
	if len(content) == 0 {
		return nil, nil
	}
	object := &unstructured.Unstructured{Object: content}
	if object.GetKind() == "" || object.GetAPIVersion() == "" {
		return nil, fmt.Errorf("%s has no apiVersion and kind, so it is no Kubernetes object", at)
	}
	if !object.IsList() {
		return []Document{{at, object}}, nil
	}
	var all []Document
	err = object.EachListItem(func(item runtime.Object) error {
		one := item.(*unstructured.Unstructured)
		if one.GetKind() == "" || one.GetAPIVersion() == "" {
			return fmt.Errorf("%s lists something without apiVersion and kind", at)
		}
		all = append(all, Document{at, one})
		return nil
	})
	return all, err
}
