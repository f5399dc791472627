// Package clientside has callbacks that run in the browser: the chapter on
// JavaScript. What happens at every key stroke, or while a slider is dragged,
// need not wait for a server.
package clientside

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
)

// The scripts and stylesheets among an app's assets are part of its page.
//
//go:embed assets
var files embed.FS

// assets are the files without the folder's name.
func assets() fs.FS {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // not so: the folder is embedded
	}
	return sub
}

// limit is how many letters the text may have.
const limit = 280

const firstText = "Type here. Each key stroke is counted in the browser. " +
	"The server never sees the text: at the end of a word it is sent three numbers, and says how hard the text is to read."

// New makes the app.
func New() *app.App {
	a := app.New("Clientside")
	a.Title = "In the browser"
	a.Access = app.Public
	a.Assets = assets()
	a.Layout = dbc.Container{ClassName: "py-4", Children: app.List{
		html.H1{Children: "In the browser", ClassName: "h3 mb-1"},
		html.P{Children: "These callbacks are JavaScript. They answer at once, and ask no server.", ClassName: "text-secondary"},
		dbc.Row{ClassName: "g-3", Children: app.List{
			dbc.Col{Lg: 7, Children: filterCard(a)},
			dbc.Col{Lg: 5, Children: textCard(a)},
		}},
	}}
	return a
}

// card is a part of the page.
func card(title, about string, children ...any) app.Component {
	return dbc.Card{ClassName: "shadow-sm h-100", Children: dbc.CardBody{Children: append(app.List{
		html.H2{Children: title, ClassName: "h6 mb-0"},
		html.P{Children: about, ClassName: "small text-secondary"},
	}, children...)}}
}

// flat is one that is to let. The data is sent once, in a Store, and what is
// shown of it is the browser's to choose.
type flat struct {
	District string `json:"district"`
	Area     int    `json:"area"` // m²
	Rent     int    `json:"rent"` // € a month
}

var districts = []string{"Harbour", "Old Town", "Hillside"}

const highestRent = 3000

func filterCard(a *app.App) app.Component {
	// JS is for a function that is short enough to stand here. It takes the
	// Inputs, then the States.
	a.Callback(
		app.Output("flats", "figure"),
		app.Output("found", "children"),
		app.Input("districts", "value"),
		app.Input("rent", "drag_value"), // also while it is dragged
		app.State("data", "data"),
	).JS(`(districts, rent, flats) => {
		const found = flats.filter(f => districts.includes(f.district) && f.rent <= rent);
		const colors = {"Harbour": "#7f4bc4", "Old Town": "#f59f00", "Hillside": "#2b8a3e"};
		const figure = {
			data: districts.map(name => {
				const list = found.filter(f => f.district === name);
				return {
					type: "scatter", mode: "markers", name, marker: {size: 8, opacity: 0.7, color: colors[name]},
					x: list.map(f => f.area), y: list.map(f => f.rent), hovertemplate: "%{x} m², %{y} €",
				};
			}),
			layout: {
				margin: {l: 65, r: 10, t: 10, b: 45}, font: {family: "system-ui, sans-serif", color: "#495057"}, showlegend: false,
				xaxis: {title: {text: "m²"}, range: [15, 145]}, yaxis: {title: {text: "€ a month"}, range: [0, 3100]},
			},
		};
		return [figure, found.length + " of " + flats.length + " flats"];
	}`)

	return card("Filter a figure", "Invented flats. Drag the slider: the figure follows.",
		dcc.Store{ID: "data", Data: flats(300)},
		dcc.Checklist{ID: "districts", Options: dcc.OptionsOf(districts...), Value: districts, Inline: true},
		dcc.Slider{
			ID: "rent", Min: 500, Max: highestRent, Step: 50, Value: 2000, DragValue: 2000, AllowDirectInput: new(false),
			Marks: map[string]string{"500": "500 €", "1500": "1500 €", "2500": "2500 €"},
		},
		dcc.Graph{ID: "flats", Config: app.Dict{"displayModeBar": false}, Style: app.Style{"height": "20rem"}},
		html.Div{ID: "found", ClassName: "small text-secondary"},
	)
}

// flats makes up n flats, the same for everybody.
func flats(n int) []flat {
	random := rand.New(rand.NewPCG(3, 4))
	list := make([]flat, n)
	for i := range list {
		district := i % len(districts)
		area := 25 + random.IntN(110)
		price := []float64{17, 20, 13}[district] + 2.5*random.NormFloat64()
		list[i] = flat{
			District: districts[district],
			Area:     area,
			Rent:     min(highestRent, int(math.Round(float64(area)*max(8, price)/10)*10)),
		}
	}
	return list
}

func textCard(a *app.App) app.Component {
	// ClientsideFunction is for one in a file of the assets, where an editor
	// knows what it is: here assets/text.js.
	a.Callback(
		app.Output("left", "children"),
		app.Output("meter", "className"),
		app.Output("meter", "style"),
		app.Input("text", "value"),
		app.State("limit", "data"),
	).ClientsideFunction("text", "count")

	// One in the browser that leads to one on the server, by way of a Store.
	a.Callback(
		app.Output("measured", "data"),
		app.Input("text", "value"),
	).ClientsideFunction("text", "measure")

	a.Callback(
		app.Output("grade", "children"),
		app.Input("measured", "data"),
	).Do(grade)

	return card("Count and weigh a text", "Counted by the browser, graded by the server.",
		dcc.Store{ID: "limit", Data: limit},
		dcc.Store{ID: "measured"},
		dbc.Textarea{ID: "text", Value: firstText, Rows: 7, ClassName: "mb-2"},
		html.Div{ClassName: "bg-body-tertiary rounded mb-1", Children: html.Div{ID: "meter", ClassName: "meter"}},
		html.Div{ID: "left", ClassName: "small text-secondary text-end"},
		html.Div{ID: "grade", ClassName: "mt-2"},
	)
}

// measured is what the browser makes of a text.
type measured struct{ Letters, Words, Sentences int }

// grade says how hard a text is to read, by the Automated Readability Index.
func grade(m *measured) (string, error) {
	switch {
	case m == nil: // the browser has not measured yet
		return "", app.ErrPreventUpdate
	case m.Words == 0:
		return "Nothing to grade.", nil
	}
	words := float64(m.Words)
	index := 4.71*float64(m.Letters)/words + 0.5*words/float64(max(1, m.Sentences)) - 21.43
	return fmt.Sprintf("Words: %d. For readers of %.0f years and older.", m.Words, min(22, max(5, math.Ceil(index)+5))), nil
}
