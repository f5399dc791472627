// Package demo is the demo site, which the plain dashd binary serves: pages with
// apps in them, and how each is made. The pages are those of
// django-plotly-dash's demo, and one more.
package demo

import (
	"context"
	"fmt"
	"slices"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples"
	"dashd/examples/demo/apps"
	"dashd/examples/pipes"
)

// Config returns the configuration of a server of the demo site and of all
// example apps.
func Config() serve.Config {
	return serve.Config{
		Apps:  slices.Concat(examples.All(), apps.All()),
		Pages: handler(),
		Seed:  seed,
	}
}

// seed makes the instances that the pages embed, where they are missing.
func seed(ctx context.Context, instances *serve.Instances) error {
	for _, instance := range []serve.NewInstance{
		{
			App: "SimpleExample", Name: "SimpleExample-1", Slug: "simpleexample-1",
			State: app.BaseState{
				"dropdown-color": {"value": []byte(`"blue"`)},
				"dropdown-size":  {"value": []byte(`"small"`)},
			},
		},
		{App: "LiveOutput", Name: "liveoutput-2", Slug: "liveoutput-2", SaveOnChange: true, State: pipes.Shared},
		{
			App: "Ex2", Name: "Ex2-1", Slug: "ex2-3", SaveOnChange: true,
			State: app.BaseState{"dropdown-one": {"value": []byte(`"Nitrogen"`)}},
		},
		{App: "MultipleCallbackValues", Name: "Multiple Callback Values Example 1", Slug: "multiple-callback-values-1"},
		{App: "MultipleCallbackValuesExpanded", Name: "Multiple Callback Values Example 2", Slug: "multiple-callback-values-expanded"},
		{App: "PatternStateCallbacks", Name: "Pattern and State saving Example", Slug: "pattern-state-callback"},
	} {
		if _, err := instances.Ensure(ctx, instance); err != nil {
			return fmt.Errorf("make the instance %s: %w", instance.Slug, err)
		}
	}
	return nil
}
