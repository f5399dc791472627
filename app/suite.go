package app

import "io/fs"

// Suite is a Dash component library: the browser's bundle and what the
// renderer must know of it. An app uses a suite by using its components, or,
// when only callbacks return them, by [App.Use].
//
// A Suite is never changed after it has been given to an app.
type Suite struct {
	// Namespace is the JavaScript global that the bundle defines, and the
	// "namespace" of its components on the wire.
	Namespace string

	// Package is the folder of the bundle's files below
	// _dash-component-suites, such as "dash/dcc".
	Package string

	// Version is the version of the bundle.
	Version string

	// Scripts and Styles are the files in Package that a page loads, in order.
	Scripts []string
	Styles  []string

	// ChildrenProps names, by component, the properties other than children
	// that hold components, in the notation of the children_props of
	// _dash-config: "label", "options[].label", "menu{}.title".
	ChildrenProps map[string][]string

	// Files holds the bundle: name.br and name.gz (both) or just name for
	// each file below Package. It is nil for the suites that are part of dashd.
	Files fs.FS

	// Notice is the text of the bundle's licence.
	Notice string
}
