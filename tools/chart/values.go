package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The table of values stands between these lines of the README.
const (
	tableStart = "<!-- made from values.yaml by `make chart` -->\n"
	tableEnd   = "<!-- end -->"
)

// A value is one line of the table.
type value struct{ name, preset, meaning string }

// readme is the chart's README with the table as it has to be.
func readme() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		return nil, err
	}
	before, rest, ok := bytes.Cut(text, []byte(tableStart))
	_, after, closed := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !closed {
		return nil, fmt.Errorf("it has no %s with %s after it, where the table would go", strings.TrimSpace(tableStart), tableEnd)
	}
	values, err := documented()
	if err != nil {
		return nil, err
	}
	table := "| value | default | meaning |\n| --- | --- | --- |\n"
	for _, v := range values {
		table += fmt.Sprintf("| `%s` | `%s` | %s |\n", v.name, v.preset, v.meaning)
	}
	return bytes.Join([][]byte{before, []byte(tableStart), []byte(table), []byte(tableEnd), after}, nil), nil
}

// documented reads values.yaml.
func documented() ([]value, error) {
	text, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var found []value
	err = collect(&found, "", document.Content[0])
	return found, err
}

// collect adds the values below a mapping. One with a comment is a value of its own,
// and one without must hold such.
func collect(to *[]value, prefix string, mapping *yaml.Node) error {
	var errs []error
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		name := prefix + key.Value
		switch meaning := comment(key); {
		case meaning != "":
			preset, err := oneLine(node)
			errs = append(errs, err)
			*to = append(*to, value{name, preset, meaning})
		case node.Kind == yaml.MappingNode && len(node.Content) > 0:
			errs = append(errs, collect(to, name+".", node))
		default:
			errs = append(errs, fmt.Errorf("values.yaml says nothing of %s: write a comment above it", name))
		}
	}
	return errors.Join(errs...)
}

func comment(key *yaml.Node) string {
	var words []string
	for line := range strings.Lines(key.HeadComment) {
		words = append(words, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
	}
	return strings.Join(words, " ")
}

// oneLine spells a value in one line of YAML.
func oneLine(node *yaml.Node) (string, error) {
	flow := *node
	flow.Style |= yaml.FlowStyle
	for i, child := range flow.Content {
		inner := *child
		inner.HeadComment, inner.LineComment = "", ""
		flow.Content[i] = &inner
	}
	text, err := yaml.Marshal(&flow)
	return strings.Join(strings.Fields(string(text)), " "), err
}
