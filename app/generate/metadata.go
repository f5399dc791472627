package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// suite is the content of a metadata file: the facts of a component suite.
type suite struct {
	Package       string              `json:"package"`   // npm package "name@version"
	Namespace     string              `json:"namespace"` // JavaScript global
	Reference     string              `json:"reference"` // URL that the components' pages are below
	ChildrenProps map[string][]string `json:"children_props"`
	Components    object[component]   `json:"components"`
}

// component is one component of a suite.
type component struct {
	Page  string         `json:"page"` // below Reference; by default the name in lower case
	Props object[schema] `json:"props"`
}

// schema is the type of a property, or of a part of one.
type schema struct {
	Kind     string          `json:"kind"`   // string, number, bool, node, object, map, array, enum, union, func or any
	Raw      string          `json:"raw"`    // the type as its source names it, where kind says less
	Of       schemas         `json:"of"`     // of a map, an array or a union
	Fields   object[schema]  `json:"fields"` // of an object
	Values   []any           `json:"values"` // of an enum
	Required bool            `json:"required"`
	Default  json.RawMessage `json:"default"`
}

// schemas is one schema or a list of them.
type schemas []schema

func (s *schemas) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]schema)(s))
	}
	*s = make(schemas, 1)
	return json.Unmarshal(data, &(*s)[0])
}

// object is a JSON object in the order of its text.
type object[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

func (o *object[T]) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if start, err := dec.Token(); err != nil {
		return err
	} else if start == nil {
		return nil
	} else if start != json.Delim('{') {
		return fmt.Errorf("want an object, have %.20s", data)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		m := member[T]{Name: name.(string)}
		if err := dec.Decode(&m.Value); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// parse reads metadata of either form.
func parse(data []byte) (*suite, error) {
	var s suite
	if err := json.Unmarshal(data, &s); err == nil && len(s.Components) > 0 {
		return &s, nil
	} else if err != nil && bytes.Contains(data, []byte(`"components"`)) {
		return nil, err
	}
	return parseDocgen(data)
}

// version is the version in Package, or "".
func (s *suite) version() string {
	at := strings.LastIndex(s.Package, "@")
	if at <= 0 {
		return ""
	}
	return s.Package[at+1:]
}

// isStrings reports whether s is an enum of nothing but strings.
func (s schema) isStrings() bool { return isEnumOf[string](s) }

// isNumbers reports whether s is an enum of nothing but numbers.
func (s schema) isNumbers() bool { return isEnumOf[float64](s) }

func isEnumOf[T any](s schema) bool {
	for _, v := range s.Values {
		if _, ok := v.(T); !ok {
			return false
		}
	}
	return s.Kind == "enum" && len(s.Values) > 0
}
