package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// The metadata.json that suites ship is what react-docgen says of their
// sources, by source file.

type docgenComponent struct {
	Props object[docgenProp] `json:"props"`
}

type docgenProp struct {
	Type     docgenType `json:"type"`
	Required bool       `json:"required"`
	Default  *struct {
		Value string `json:"value"`
	} `json:"defaultValue"`
}

type docgenType struct {
	Name     string          `json:"name"`
	Raw      string          `json:"raw"`
	Value    json.RawMessage `json:"value"`
	Required bool            `json:"required"`
}

func parseDocgen(data []byte) (*suite, error) {
	var files object[docgenComponent]
	if err := json.Unmarshal(data, &files); err != nil {
		return nil, err
	}
	s := &suite{ChildrenProps: map[string][]string{}}
	for _, file := range files {
		name, _, _ := strings.Cut(path.Base(file.Name), ".")
		c := component{}
		for _, p := range file.Value.Props {
			prop, err := p.Value.Type.schema()
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", name, p.Name, err)
			}
			prop.Required = p.Value.Required
			if p.Value.Default != nil {
				prop.Default = literal(p.Value.Default.Value)
			}
			c.Props = append(c.Props, member[schema]{p.Name, prop})
			if p.Name != "children" {
				s.ChildrenProps[name] = append(s.ChildrenProps[name], nodePaths(p.Name, prop)...)
			}
		}
		if len(c.Props) > 0 {
			s.Components = append(s.Components, member[component]{name, c})
		}
	}
	if len(s.Components) == 0 {
		return nil, errors.New("no components")
	}
	return s, nil
}

// schema converts a type of react-docgen.
func (t docgenType) schema() (schema, error) {
	s := schema{Raw: t.Raw, Required: t.Required}
	var err error
	switch t.Name {
	case "string", "number", "bool", "node", "object", "array", "func", "any":
		s.Kind = t.Name
	case "element":
		s.Kind = "node"
	case "arrayOf", "objectOf":
		s.Kind = map[string]string{"arrayOf": "array", "objectOf": "map"}[t.Name]
		var of docgenType
		if err = json.Unmarshal(t.Value, &of); err == nil {
			s.Of = make(schemas, 1)
			s.Of[0], err = of.schema()
		}
	case "union":
		s.Kind = "union"
		var of []docgenType
		if json.Unmarshal(t.Value, &of) != nil { // computed: its source text
			return schema{Kind: "any", Raw: t.Raw}, nil
		}
		s.Of = make(schemas, len(of))
		for i := range of {
			if s.Of[i], err = of[i].schema(); err != nil {
				break
			}
		}
	case "shape", "exact", "signature":
		s.Kind = "object"
		var fields object[docgenType]
		if json.Unmarshal(t.Value, &fields) != nil {
			return s, nil
		}
		for _, f := range fields {
			field, ferr := f.Value.schema()
			if ferr != nil {
				return s, fmt.Errorf("%s: %w", f.Name, ferr)
			}
			s.Fields = append(s.Fields, member[schema]{f.Name, field})
		}
	case "enum":
		var values []struct {
			Value string `json:"value"`
		}
		if json.Unmarshal(t.Value, &values) != nil {
			return schema{Kind: "any", Raw: t.Raw}, nil
		}
		s.Kind = "enum"
		for _, v := range values {
			var value any
			if err := json.Unmarshal(literal(v.Value), &value); err != nil {
				return s, err
			}
			s.Values = append(s.Values, value)
		}
	default:
		s.Kind = "any"
	}
	return s, err
}

// literal converts a JavaScript literal to JSON; what is none becomes a string.
func literal(source string) json.RawMessage {
	if json.Valid([]byte(source)) {
		return json.RawMessage(source)
	}
	if n := len(source); n >= 2 && source[0] == '\'' && source[n-1] == '\'' {
		source = strings.ReplaceAll(source[1:n-1], `\'`, `'`)
	}
	text, _ := json.Marshal(source)
	return text
}

// nodePaths returns where a property holds components, in the notation of
// [app.Suite.ChildrenProps].
func nodePaths(at string, s schema) []string {
	var paths []string
	switch s.Kind {
	case "node":
		return []string{at}
	case "object":
		for _, f := range s.Fields {
			paths = append(paths, nodePaths(at+"."+f.Name, f.Value)...)
		}
	case "union":
		for _, of := range s.Of {
			paths = append(paths, nodePaths(at, of)...)
		}
	case "array", "map":
		brackets := map[string]string{"array": "[]", "map": "{}"}[s.Kind]
		for _, of := range s.Of {
			if of.Kind == "node" && s.Kind == "array" {
				paths = append(paths, at)
			} else {
				paths = append(paths, nodePaths(at+brackets, of)...)
			}
		}
	}
	return paths
}
