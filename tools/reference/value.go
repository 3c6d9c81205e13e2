package main

import (
	"fmt"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// valueOf says what a field may be.
func valueOf(s apiextensionsv1.JSONSchemaProps) string {
	value := kindOf(s)
	if s.Nullable {
		value += ", or null"
	}
	if s.Default != nil {
		value += "; " + literal(*s.Default) + " by default"
	}
	return value
}

func kindOf(s apiextensionsv1.JSONSchemaProps) string {
	switch {
	case len(s.Enum) > 0:
		return oneOf(s.Enum)
	case s.XIntOrString:
		return "integer or string"
	case s.Type == "array":
		return listOf(s)
	case s.Type == "boolean":
		return "true or false"
	case s.Type == "integer", s.Type == "number":
		return join(s.Type, limit(s.Minimum, s.Maximum, ""))
	case s.Type == "string" && s.Format == "date-time":
		return "time"
	case s.Type == "string":
		value := join("string", limit(s.MinLength, s.MaxLength, "character"))
		if s.Pattern != "" {
			value += fmt.Sprintf(" that matches `%s`", strings.ReplaceAll(s.Pattern, "|", `\|`))
		}
		return value
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return join("map", limit(s.MinProperties, s.MaxProperties, "key")) + "; each value: " + valueOf(*s.AdditionalProperties.Schema)
	case s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields:
		return "object of any fields"
	}
	return s.Type
}

// oneOf lists the values of an enumeration.
func oneOf(values []apiextensionsv1.JSON) string {
	var each []string
	for _, v := range values {
		each = append(each, literal(v))
	}
	last := len(each) - 1
	if last == 0 {
		return each[0]
	}
	return strings.Join(each[:last], ", ") + " or " + each[last]
}

// literal is a value as a manifest has it.
func literal(v apiextensionsv1.JSON) string { return "`" + strings.Trim(string(v.Raw), `"`) + "`" }

func listOf(s apiextensionsv1.JSONSchemaProps) string {
	items := *s.Items.Schema
	value := join("list", limit(s.MinItems, s.MaxItems, "item"))
	switch {
	case s.XListType == nil:
	case *s.XListType == "set":
		value += ", none twice"
	case *s.XListType == "map":
		value += fmt.Sprintf(", one for each `%s`", strings.Join(s.XListMapKeys, "` and `"))
	}
	if isCondition(items) {
		return value + "; each: condition, as Kubernetes has them"
	}
	return value + "; each: " + valueOf(items)
}

// isCondition tells Kubernetes' own type, whose fields need no telling.
func isCondition(s apiextensionsv1.JSONSchemaProps) bool {
	_, changed := s.Properties["lastTransitionTime"]
	_, status := s.Properties["status"]
	return changed && status
}

// join adds a limit, if there is one.
func join(what, limit string) string {
	if limit == "" {
		return what
	}
	return what + ", " + limit
}

// limit says from where to where a number may be, and of what it is; "" for anywhere.
func limit[N int64 | float64](least, most *N, of string) string {
	number := func(n *N) string { return strconv.FormatFloat(float64(*n), 'f', -1, 64) }
	unit := func(n *N) string {
		switch {
		case of == "":
			return ""
		case *n == 1:
			return " " + of
		}
		return " " + of + "s"
	}
	switch {
	case least != nil && most != nil && *least == *most:
		return number(most) + unit(most)
	case least != nil && most != nil:
		return number(least) + " to " + number(most) + unit(most)
	case least != nil:
		return "at least " + number(least) + unit(least)
	case most != nil:
		return "at most " + number(most) + unit(most)
	}
	return ""
}
