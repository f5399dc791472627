package dcc

import "fmt"

// Option is one choice of a [Dropdown], [RadioItems] or [Checklist].
type Option struct {
	Label    any    `json:"label"` // string, number or component
	Value    any    `json:"value"` // string, number or bool
	Disabled bool   `json:"disabled,omitempty"`
	Title    string `json:"title,omitempty"`
	Search   string `json:"search,omitempty"` // what a Dropdown searches, when it is not the label
}

// Options are the choices of a [Dropdown], [RadioItems] or [Checklist].
type Options []Option

// OptionsOf returns an option for each value, which is its label too.
func OptionsOf[T string | bool | int | float64](values ...T) Options {
	options := make(Options, len(values))
	for i, v := range values {
		options[i] = Option{Label: fmt.Sprint(v), Value: v}
	}
	return options
}
