// Package network is an app that draws a graph with a component suite that is
// not part of dashd: European cities and the railways between them.
package network

import (
	"fmt"
	"slices"
	"strings"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/examples/network/cytoscape"
)

// city is a node of the graph. The JSON names are those of its data.
type city struct {
	ID        string  `json:"id"`
	Label     string  `json:"label"`
	latitude  float64 // of its place on the map
	longitude float64
}

var cities = []city{
	{"AMS", "Amsterdam", 52.4, 4.9},
	{"BCN", "Barcelona", 41.4, 2.1},
	{"BER", "Berlin", 52.5, 13.4},
	{"BRU", "Brussels", 50.8, 4.3},
	{"BUD", "Budapest", 47.5, 19.1},
	{"FRA", "Frankfurt", 50.1, 8.7},
	{"LON", "London", 51.5, -0.1},
	{"LYS", "Lyon", 45.8, 4.9},
	{"MAD", "Madrid", 40.4, -3.7},
	{"MIL", "Milan", 45.5, 9.2},
	{"MUC", "Munich", 48.1, 11.6},
	{"PAR", "Paris", 48.9, 2.4},
	{"PRG", "Prague", 50.1, 14.4},
	{"ROM", "Rome", 41.9, 12.5},
	{"VIE", "Vienna", 48.2, 16.4},
	{"WAW", "Warsaw", 52.2, 21.0},
	{"ZRH", "Zurich", 47.4, 8.5},
}

var railways = [][2]string{
	{"AMS", "BRU"}, {"AMS", "FRA"}, {"BCN", "LYS"}, {"BCN", "MAD"}, {"BER", "FRA"}, {"BER", "MUC"},
	{"BER", "PRG"}, {"BER", "WAW"}, {"BRU", "FRA"}, {"BRU", "LON"}, {"BRU", "PAR"}, {"BUD", "VIE"},
	{"FRA", "MUC"}, {"FRA", "PAR"}, {"LON", "PAR"}, {"LYS", "PAR"}, {"MIL", "PAR"}, {"MIL", "ROM"},
	{"MIL", "ZRH"}, {"MUC", "VIE"}, {"MUC", "ZRH"}, {"PAR", "ZRH"}, {"PRG", "VIE"}, {"VIE", "WAW"},
}

// New returns the app.
func New() *app.App {
	a := app.New("Network")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		html.H1{Children: "Railways"},
		// The room is there before the dropdown is: Cytoscape does not notice when
		// it is moved down, and would take clicks for those on other places.
		html.Div{Style: app.Style{"minHeight": "34px"}, Children: dcc.Dropdown{
			ID: "arrangement",
			Options: dcc.Options{
				{Label: "Map", Value: "preset"},
				{Label: "Circle", Value: "circle"},
				{Label: "Layers", Value: "breadthfirst"},
				{Label: "Forces", Value: "cose"},
			},
			Value:     "preset",
			Clearable: new(false),
		}},
		cytoscape.Cytoscape{
			ID:       "graph",
			Elements: elements(),
			Layout:   arrange("preset"),
			Style:    app.Style{"width": "100%", "height": "32rem"},
			Stylesheet: []app.Dict{
				{"selector": "node", "style": app.Style{"label": "data(label)", "background-color": "#2a5d84"}},
				{"selector": "edge", "style": app.Style{"width": 2, "line-color": "#c3ccd4"}},
				{"selector": ":selected", "style": app.Style{"background-color": "#d9822b", "line-color": "#d9822b"}},
			},
		},
		html.P{ID: "neighbours"},
	}}

	a.Callback(
		app.Output("graph", "layout"),
		app.Input("arrangement", "value"),
	).Do(arrange)

	a.Callback(
		app.Output("neighbours", "children"),
		app.Input("graph", "tapNodeData"),
	).Do(func(tapped city) string {
		if tapped.ID == "" {
			return "Click a city."
		}
		return fmt.Sprintf("From %s, trains run to %s.", tapped.Label, strings.Join(neighbours(tapped.ID), ", "))
	})
	return a
}

// elements returns the graph as Cytoscape wants it.
func elements() []app.Dict {
	var elements []app.Dict
	for _, c := range cities {
		elements = append(elements, app.Dict{"data": c})
	}
	for _, r := range railways {
		elements = append(elements, app.Dict{"data": app.Dict{"source": r[0], "target": r[1]}})
	}
	return elements
}

// arrange returns the Cytoscape layout of a name. In "preset" the cities lie as
// on a map.
func arrange(name string) app.Dict {
	layout := app.Dict{"name": name, "animate": true}
	if name == "preset" {
		positions := app.Dict{}
		for _, c := range cities {
			positions[c.ID] = app.Dict{"x": 30 * c.longitude, "y": -45 * c.latitude} // pixels
		}
		layout["positions"] = positions
	}
	return layout
}

// neighbours returns the names of the cities that a railway joins to one.
func neighbours(id string) []string {
	var names []string
	for _, c := range cities {
		if slices.Contains(railways, [2]string{id, c.ID}) || slices.Contains(railways, [2]string{c.ID, id}) {
			names = append(names, c.Label)
		}
	}
	return names
}
