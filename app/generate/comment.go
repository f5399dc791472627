package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The longest texts that a comment repeats; what is longer says less, or is left out.
const (
	maxShape   = 140
	maxDefault = 60
)

// comment returns the facts of a property that its field's type does not show.
func comment(name string, s schema) string {
	var facts []string
	if s.Required {
		facts = append(facts, "required")
	}
	if text := allowed(name, s); text != "" {
		facts = append(facts, text)
	}
	if text := defaultText(s); text != "" {
		facts = append(facts, "default "+text)
	}
	return strings.Join(facts, "; ")
}

// allowed says which values a property takes, or "" if the field's type does.
func allowed(name string, s schema) string {
	switch typ := goType(name, s); {
	case name == "children" || s.Kind == "any":
		return ""
	case typ == "any", typ == "app.Number" && s.Kind == "enum":
		return shape(s)
	case typ == "[]string" && s.Of[0].Kind == "enum":
		return "of " + s.Of[0].text(true, false)
	}
	return ""
}

func shape(s schema) string {
	if text := s.text(true, false); len(text) <= maxShape {
		return text
	}
	if text := s.text(false, false); len(text) <= maxShape {
		return text
	}
	return ""
}

// text describes a type: "number", "list of strings or numbers"; with
// keys, those of objects too.
func (s schema) text(keys, plural bool) string {
	noun := s.Kind
	switch s.Kind {
	case "enum", "union":
		return or(s.alternatives(keys, plural))
	case "node":
		noun = "component"
	case "array":
		noun = "list"
	case "any":
		noun = "value"
	}
	if plural {
		noun += "s"
	}
	switch {
	case s.Kind == "array" && len(s.Of) == 1, s.Kind == "map" && len(s.Of) == 1:
		noun += " of " + s.Of[0].text(keys, true)
	case keys && len(s.Fields) > 0:
		names := make([]string, len(s.Fields))
		for i, f := range s.Fields {
			names[i] = f.Name
		}
		noun += " with keys " + strings.Join(names, ", ")
	}
	return noun
}

// alternatives returns the texts of what s may be, flat.
func (s schema) alternatives(keys, plural bool) []string {
	var texts []string
	switch s.Kind {
	case "enum":
		for _, v := range s.Values {
			text, _ := marshal(v)
			texts = append(texts, text)
		}
	case "union":
		for _, of := range s.Of {
			texts = append(texts, of.alternatives(keys, plural)...)
		}
	default:
		texts = append(texts, s.text(keys, plural))
	}
	return texts
}

// or joins "a, b or c".
func or(parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " or " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// defaultText returns the default as JSON or as its source text. Defaults that
// equal the zero value of the field, and long ones, are left out.
func defaultText(s schema) string {
	var value any
	if json.Unmarshal(s.Default, &value) != nil {
		return ""
	}
	if source, ok := value.(string); ok && s.Kind != "string" && strings.ContainsAny(source, "{[") {
		text := strings.Join(strings.Fields(source), " ")
		text = strings.NewReplacer(", }", " }", "[ ", "[", ", ]", "]").Replace(text)
		if len(text) > maxDefault {
			return ""
		}
		return text
	}
	text, err := marshal(expressions(value))
	if err != nil || len(text) > maxDefault {
		return ""
	}
	switch text {
	case "null", "false", `""`, "[]", "{}":
		return ""
	}
	return text
}

// expressions replaces {"__expr": "Enum.member"} by the member's name.
func expressions(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = expressions(v[i])
		}
	case map[string]any:
		if expr, ok := v["__expr"]; ok {
			text := fmt.Sprint(expr)
			return text[strings.LastIndex(text, ".")+1:]
		}
	}
	return value
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSpace(b.String()), err
}
