package deploy_test

import (
	"fmt"
	"strconv"
	"strings"
)

// readYAML reads the plain YAML of the files here, and nothing cleverer: maps
// and lists by indentation, [lists] on one line, {}, text after |, and scalars,
// which are all strings.
func readYAML(text string) (documents []any, err error) {
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		r := &yamlReader{}
		for i, line := range strings.Split(document, "\n") {
			content := strings.TrimLeft(line, " ")
			if content == "" || content[0] == '#' {
				continue
			}
			content, _, _ = strings.Cut(content, " #")
			r.lines = append(r.lines, yamlLine{i, len(line) - len(strings.TrimLeft(line, " ")), strings.TrimRight(content, " ")})
		}
		value, err := r.value(0)
		if err == nil && len(r.lines) > 0 {
			err = r.errorf("the indentation is wrong")
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, value)
	}
	return documents, nil
}

type yamlLine struct {
	number, indent int
	text           string
}

// yamlReader holds the lines that are not read yet.
type yamlReader struct{ lines []yamlLine }

func (r *yamlReader) errorf(format string, args ...any) error {
	if len(r.lines) == 0 {
		return fmt.Errorf("at the end: "+format, args...)
	}
	return fmt.Errorf("line %d, %q: %s", r.lines[0].number, r.lines[0].text, fmt.Sprintf(format, args...))
}

// at reports whether the next line has the indentation and begins with prefix.
func (r *yamlReader) at(indent int, prefix string) bool {
	return len(r.lines) > 0 && r.lines[0].indent == indent && strings.HasPrefix(r.lines[0].text, prefix)
}

// value reads the map or list that the next line begins.
func (r *yamlReader) value(least int) (any, error) {
	if len(r.lines) == 0 || r.lines[0].indent < least {
		return nil, r.errorf("a value is missing")
	}
	if indent := r.lines[0].indent; r.at(indent, "- ") {
		return r.list(indent)
	}
	return r.mapping(r.lines[0].indent)
}

func (r *yamlReader) list(indent int) (list []any, err error) {
	for r.at(indent, "- ") {
		line := &r.lines[0]
		item := line.text[2:]
		var value any
		if _, isMap, _ := key(item); isMap {
			line.indent, line.text = indent+2, item
			value, err = r.mapping(indent + 2)
		} else {
			value, err = scalar(item)
			if err != nil {
				err = r.errorf("%v", err)
			}
			r.lines = r.lines[1:]
		}
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

func (r *yamlReader) mapping(indent int) (any, error) {
	m := map[string]any{}
	for r.at(indent, "") {
		name, ok, rest := key(r.lines[0].text)
		if _, twice := m[name]; !ok || twice {
			return nil, r.errorf("this is no key, or one that was there already")
		}
		var err error
		switch rest {
		case "":
			r.lines = r.lines[1:]
			m[name], err = r.value(indent + 1)
		case "|":
			r.lines = r.lines[1:]
			var text strings.Builder
			for len(r.lines) > 0 && r.lines[0].indent > indent {
				text.WriteString(r.lines[0].text + "\n")
				r.lines = r.lines[1:]
			}
			m[name] = text.String()
		default:
			if m[name], err = scalar(rest); err != nil {
				return nil, r.errorf("%v", err)
			}
			r.lines = r.lines[1:]
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// key splits "name: rest", and "name:".
func key(text string) (name string, ok bool, rest string) {
	if name, ok := strings.CutSuffix(text, ":"); ok && !strings.ContainsAny(name, `"[: `) {
		return name, true, ""
	}
	name, rest, ok = strings.Cut(text, ": ")
	if !ok || strings.ContainsAny(name, `"[ `) {
		return "", false, ""
	}
	return name, true, rest
}

func scalar(text string) (any, error) {
	switch {
	case text == "{}":
		return map[string]any{}, nil
	case text[0] == '"':
		return strconv.Unquote(text)
	case text[0] == '[' && strings.HasSuffix(text, "]"):
		var list []any
		for item := range strings.SplitSeq(text[1:len(text)-1], ", ") {
			value, err := scalar(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case strings.ContainsAny(text[:1], "[]{}&*!|>'%@`,?-") || strings.Contains(text, ": "):
		return nil, fmt.Errorf("%s must be in quotes", text)
	}
	return text, nil
}
