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
// nothing; callbacks take Value, Sequence or Messages as their input. While one
// of them is under way, further messages wait, for the renderer drops the answer
// of a callback whose input has changed.
type Pipe struct {
	ID          app.ID `prop:"id"`
	ChannelName string `prop:"channel_name,required"`
	Label       string `prop:"label"`

	// Value is that of the last message, and, in the layout, of no message yet.
	Value any `prop:"value"`

	// Sequence counts the messages. It changes with each, also when Value is
	// what it was: take it as the input to hear repeated values. The browser
	// sets it.
	Sequence app.Number `prop:"sequence,number"`

	// Messages are the values that came since a callback last took them, oldest
	// first, so that a burst is more than its last value: for one callback of
	// the page. The browser sets them; it keeps 1,000.
	Messages any `prop:"messages"`

	// Gaps counts how often messages were lost for good: while the page was away
	// for long, or when the server crashed. The browser sets it.
	Gaps app.Number `prop:"gaps,number"`

	// Grant proves that the visitor may hear the channel. The server sets it.
	Grant string `prop:"grant"`

	Props app.Props
}

// DashComponent implements [app.Component].
func (Pipe) DashComponent() (*app.Suite, string) { return Suite, "Pipe" }

// DashChannel returns the channel that the Pipe hears.
func (p Pipe) DashChannel() string { return p.ChannelName }
