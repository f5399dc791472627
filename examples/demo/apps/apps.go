// Package apps are the apps of the demo site: each a file to copy. Most are
// those of django-plotly-dash's demo.
package apps

import "dashd/app"

// All makes the apps.
func All() []*app.App {
	return []*app.App{
		Ex2(),
		DashExample1(),
		Bootstrap(),
		DjangoSessionState(),
		LocalState(),
		MultipleCallbackValues(),
		MultipleCallbackValuesExpanded(),
		PatternStateCallbacks(),
		External(),
		Orders(),
		Temperature(),
	}
}
