// Package views holds the pages of the site and the components that put an app
// into a page, as templ components.
package views

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.977 generate
