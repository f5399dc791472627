package serve_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"dashd/app"
)

// The recorded apps show values as Python writes them. These functions write
// JSON so.

// pyRepr is Python's repr(json.loads(raw)); nil is None.
func pyRepr(raw json.RawMessage) string { return python(raw, false) }

// pyDumps is Python's json.dumps(json.loads(raw), sort_keys=True).
func pyDumps(raw json.RawMessage) string { return python(raw, true) }

func python(raw json.RawMessage, dumps bool) string {
	if raw == nil {
		raw = json.RawMessage("null")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return pyValue(d, dumps)
}

func pyValue(d *json.Decoder, dumps bool) string {
	token, err := d.Token()
	if err != nil {
		return err.Error()
	}
	names := [...]string{"None", "True", "False"}
	if dumps {
		names = [...]string{"null", "true", "false"}
	}
	switch token := token.(type) {
	case bool:
		if token {
			return names[1]
		}
		return names[2]
	case json.Number:
		return pyNumber(token.String())
	case string:
		if dumps {
			return pyJSONString(token)
		}
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(token) + "'"
	case json.Delim:
		var items []string
		for d.More() {
			item := pyValue(d, dumps)
			if token == '{' {
				item += ": " + pyValue(d, dumps)
			}
			items = append(items, item)
		}
		if token == '{' && dumps {
			slices.Sort(items)
		}
		end, _ := d.Token()
		return fmt.Sprint(token) + strings.Join(items, ", ") + fmt.Sprint(end)
	}
	return names[0]
}

// pyNumber writes a number as repr does.
func pyNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	f, _ := strconv.ParseFloat(text, 64)
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// pyJSONString writes a string as json.dumps does: in ASCII.
func pyJSONString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range utf16.Encode([]rune(s)) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(byte(c))
		}
	}
	b.WriteByte('"')
	return b.String()
}

// What callback_context of Dash has, made from ours.

// jsonText is the JSON of what a callback shows.
func jsonText(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// wireID is an ID as JSON has it.
func wireID(id app.ID) any {
	switch {
	case id == "":
		return nil
	case id.IsKey():
		return json.RawMessage(id)
	}
	return string(id)
}

// wireArgument is an entry of inputs_list, states_list or outputs_list.
func wireArgument(a app.Argument) any {
	if a.Items != nil {
		return wireArguments(a.Items)
	}
	entry := app.Dict{"id": wireID(a.ID), "property": a.Property}
	if a.Value != nil {
		entry["value"] = a.Value
	}
	return entry
}

func wireArguments(args []app.Argument) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = wireArgument(a)
	}
	return list
}

// byName is inputs or states: the values by "id.property".
func byName(args []app.Argument) app.Dict {
	values := app.Dict{}
	for _, a := range args {
		if a.Items != nil {
			for name, value := range byName(a.Items) {
				values[name] = value
			}
			continue
		}
		values[string(a.ID)+"."+a.Property] = a.Value
	}
	return values
}

// triggered is ctx.triggered, which has an entry even when nothing did.
func triggered(ctx *app.Context) []app.Dict {
	if len(ctx.Triggered) == 0 {
		return []app.Dict{{"prop_id": ".", "value": nil}}
	}
	var list []app.Dict
	for _, t := range ctx.Triggered {
		list = append(list, app.Dict{"prop_id": t.String(), "value": t.Value})
	}
	return list
}

// triggeredIDs is ctx.triggered_prop_ids.
func triggeredIDs(ctx *app.Context) app.Dict {
	ids := app.Dict{}
	for _, t := range ctx.Triggered {
		ids[t.String()] = wireID(t.ID)
	}
	return ids
}
