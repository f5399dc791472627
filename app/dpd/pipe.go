// Package dpd has the components that dashd adds to those of Dash.
package dpd

import "dashd/app"

// Suite is dpd_components.
var Suite = &app.Suite{
	Namespace: "dpd_components",
	Package:   "dpd_components",
	Version:   "1.0.0",
	Scripts:   []string{"dpd_components.js"},
}

// Pipe receives the messages of one channel that have its label. It shows
// nothing; callbacks take Value or Messages as their input.
type Pipe struct {
	ID          app.ID `prop:"id"`
	ChannelName string `prop:"channel_name,required"`
	Label       string `prop:"label"`

	// Value is that of the last message, and, in the layout, of no message yet.
	Value any `prop:"value"`

	// Messages are all that came since the last callback, oldest first, so
	// that a burst is more than its last value. The browser sets them.
	Messages any `prop:"messages"`

	Props app.Props
}

// DashComponent implements [app.Component].
func (Pipe) DashComponent() (*app.Suite, string) { return Suite, "Pipe" }
