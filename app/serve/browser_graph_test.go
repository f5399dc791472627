package serve_test

import (
	"fmt"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

// traces has traces of each way in which plotly.js draws, page by page: a
// browser has only so many WebGL contexts.
var traces = map[string][]app.Dict{
	"SVG": {
		{"type": "scatter", "y": []int{1, 3, 2}},
		{"type": "bar", "y": app.TypedArray([]int{1, 3, 2})},
		{"type": "pie", "values": []int{1, 2}},
		{"type": "table", "header": app.Dict{"values": []string{"a"}}, "cells": app.Dict{"values": [][]int{{1, 2}}}},
		{"type": "violin", "y": []int{1, 2, 3, 3}},
		{"type": "sunburst", "labels": []string{"a", "b"}, "parents": []string{"", "a"}, "values": []int{2, 1}},
		{"type": "sankey", "node": app.Dict{"label": []string{"a", "b"}}, "link": app.Dict{"source": []int{0}, "target": []int{1}, "value": []int{1}}},
		{"type": "heatmap", "z": [][]int{{1, 2}, {3, 4}}},
	},
	"WebGL": {
		{"type": "scattergl", "mode": "markers+lines", "y": []int{1, 3, 2}},
		{"type": "scatterpolargl", "r": []int{1, 2}, "theta": []int{0, 90}},
		{"type": "splom", "dimensions": app.List{app.Dict{"values": []int{1, 2}}, app.Dict{"values": []int{2, 1}}}},
		{"type": "parcoords", "dimensions": app.List{app.Dict{"values": []int{1, 2}}, app.Dict{"values": []int{2, 1}}}},
	},
	"3D and maps": {
		{"type": "scatter3d", "x": []int{1, 2}, "y": []int{1, 2}, "z": []int{1, 2}},
		{"type": "surface", "z": [][]int{{1, 2}, {3, 4}}},
		{"type": "choropleth", "locations": []string{"FRA", "DEU"}, "z": []int{1, 2}},
		{"type": "scattergeo", "lat": []int{50}, "lon": []int{10}, "geo": "geo"},
	},
}

// Everything that plotly.js draws is drawn under the page's policy and with the
// network cut: a trace that may not compile its shaders says so in its place,
// and a map without its outlines stays empty.
func TestBrowserGraphs(t *testing.T) {
	for name, list := range traces {
		t.Run(name, func(t *testing.T) {
			a := app.New("Graphs")
			var graphs app.List
			for i, trace := range list {
				layout := app.Dict{"height": 300, "width": 400, "geo": app.Dict{"resolution": 50, "scope": "europe"}}
				graphs = append(graphs, dcc.Graph{ID: app.ID(fmt.Sprint("g", i)), Figure: app.Figure{Data: app.List{trace}, Layout: layout}})
			}
			a.Layout = html.Div{Children: graphs}
			h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
			b := openTab(t, h, "/app/graphs/")
			b.expect("GPU stall due to ReadPixels") // Chromium's word on drawing without a graphics card
			b.untilIdle()
			for i, trace := range list {
				graph := fmt.Sprintf(`document.querySelector("#g%d")`, i)
				b.until(`!!(` + graph + `.querySelector(".js-plotly-plot") || {})._fullData`)
				switch trace["type"] {
				case "choropleth", "scattergeo":
					b.until(`[...` + graph + `.querySelectorAll(".layer path")].some(p => (p.getAttribute("d") || "").length > 5000)`)
				default:
					b.until(graph + `.querySelectorAll(".main-svg, canvas").length > 0`)
				}
				if js[bool](b, graph+`.textContent.includes("not supported")`) {
					t.Errorf("%v is not drawn: %s", trace["type"], js[string](b, graph+".textContent"))
				}
			}
			b.screenshot("graphs " + name)
		})
	}
}
