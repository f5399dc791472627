package app

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Arg is an argument of [App.Callback]: an [Output], [Outputs], [Input] or
// [State], or an option such as [PreventInitialCall].
type Arg interface {
	apply(*Callback)
}

// Args are arguments that several callbacks share.
type Args []Arg

func (a Args) apply(c *Callback) {
	for _, arg := range a {
		if arg != nil {
			arg.apply(c)
		}
	}
}

// Dependency is a property of a component, or with wildcards of many, that a
// callback writes or reads. It is made by [Output], [Input] and [State].
type Dependency struct {
	role           role
	id             ID
	property       string
	pattern        pattern // nil for a plain ID; set when the app is built
	alias          string  // by As
	allowDuplicate bool
	optional       bool
}

type role int

const (
	output role = iota
	input
	state
)

func (r role) String() string { return [...]string{"Output", "Input", "State"}[r] }

// Output is a property that a callback sets.
func Output(id ID, property string) Dependency {
	return Dependency{role: output, id: id, property: property}
}

// Input is a property whose changes call a callback.
func Input(id ID, property string) Dependency {
	return Dependency{role: input, id: id, property: property}
}

// State is a property that a callback reads when an [Input] calls it.
func State(id ID, property string) Dependency {
	return Dependency{role: state, id: id, property: property}
}

// AllowDuplicate lets other callbacks set the same Output. The callback must
// not run at first ([PreventInitialCall]) or must say that it may
// ([PreventInitialDuplicate]).
func (d Dependency) AllowDuplicate() Dependency {
	d.allowDuplicate = true
	return d
}

// Optional permits an Input or State whose component is not in the layout; its
// value is then null, and with MATCH its ID the one declared.
func (d Dependency) Optional() Dependency {
	d.optional = true
	return d
}

// As names the property for the fields of tagged structs, where its ID is long:
//
//	app.Input(app.Key("type", "row", "index", app.ALL), "value").As("rows")
//
// belongs to a field with the tag `dash:"rows"`.
func (d Dependency) As(name string) Dependency {
	d.alias = name
	return d
}

// tag returns what the tag of a struct's field says for the property.
func (d Dependency) tag() string {
	if d.alias != "" {
		return d.alias
	}
	return d.String()
}

// Outputs makes the outputs a list even when there is just one, as
// output=[Output(...)] does in Dash. Two or more Outputs are a list anyway.
func Outputs(outputs ...Dependency) Arg { return outputList(outputs) }

type outputList []Dependency

func (l outputList) apply(c *Callback) {
	c.list = true
	for _, d := range l {
		d.apply(c)
	}
}

func (d Dependency) apply(c *Callback) {
	if d.role == output {
		c.outputs = append(c.outputs, d)
	} else {
		c.args = append(c.args, d)
	}
}

// String returns the dependency in Dash's notation, "id.property".
func (d Dependency) String() string { return string(d.id) + "." + d.property }

// many reports whether the dependency stands for a list of components.
func (d Dependency) many() bool { return d.pattern.many() }

// overlaps reports whether two outputs can be the same property.
func (d Dependency) overlaps(other Dependency) bool {
	if d.property != other.property || (d.pattern == nil) != (other.pattern == nil) {
		return false
	}
	if d.pattern == nil {
		return d.id == other.id
	}
	if len(d.pattern) != len(other.pattern) {
		return false
	}
	for i, part := range d.pattern {
		o := other.pattern[i]
		if part.key != o.key {
			return false
		}
		if part.wildcard == "" && o.wildcard == "" && part.value != o.value {
			return false
		}
	}
	return true
}

// The names of callbacks on the wire: section 5.2 of Dash's protocol.

// hashInputs is the name of a callback without outputs, and what sets apart
// outputs that allow duplicates.
func hashInputs(args []Dependency) string {
	var names []string
	for _, d := range args {
		if d.role == input {
			names = append(names, d.String())
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(names, ".")))
	return hex.EncodeToString(sum[:])
}

// wireProperty is the property as the renderer names it: with the hash of the
// callback's inputs when duplicates are allowed.
func (d Dependency) wireProperty(hash string) string {
	if d.allowDuplicate {
		return d.property + "@" + hash
	}
	return d.property
}

// wireName names a callback by its outputs. Dots inside dictionary IDs stay as
// they are: Dash escapes them, which its own renderer cannot read back.
func wireName(outputs []Dependency, list bool, hash string) string {
	names := make([]string, len(outputs))
	for i, d := range outputs {
		names[i] = string(d.id) + "." + d.wireProperty(hash)
	}
	if list {
		return ".." + strings.Join(names, "...") + ".."
	}
	return names[0]
}
