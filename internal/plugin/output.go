package plugin

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is how a command prints what it found: text, or for programs.
type output string

func (o *output) addTo(c *cobra.Command) {
	c.Flags().StringVarP((*string)(o), "output", "o", "", "json or yaml, for programs")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o output) check() error {
	switch o {
	case "", "json", "yaml":
		return nil
	}
	return fmt.Errorf("-o %s is not known: use json or yaml, or leave it out", o)
}

// print prints a value, or its text.
func (e Env) print(o output, value any, text string) error {
	data := []byte(text)
	var err error
	switch o {
	case "json":
		data, err = json.MarshalIndent(value, "", "  ")
		data = append(data, '\n')
	case "yaml":
		data, err = yaml.Marshal(value)
	}
	if err != nil {
		return err
	}
	_, err = e.Out.Write(data)
	return err
}
