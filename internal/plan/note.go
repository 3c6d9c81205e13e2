package plan

import "encoding/json"

// What has to be remembered is noted in annotations of pods, claims and revisions, so that a
// controller that takes over goes on with it.

// note sets an annotation of an object, or removes it where the value is empty.
func note(o Object, key, value, why string) Action {
	change := Change{Annotations: map[string]*string{key: nil}}
	if value != "" {
		change.Annotations[key] = &value
	}
	return Action{Verb: Update, Object: o, Change: change, Why: why}
}

// encoded is the JSON of a value that has nothing in it which could not be encoded.
func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
