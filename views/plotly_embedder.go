package views

import (
	"context"
	"errors"

	"dashd/app"
)

// Embedder is the server whose apps a page embeds, as one visitor may use it.
// The components find it in the context of their Render: package serve puts it
// there for the handlers of its Config.Pages, and Visit.Context for others. It
// is safe for concurrent use.
type Embedder interface {
	// Embed finds what to put into the page for a target, "app/<name or slug>"
	// or "instance/<slug>". Initial arguments, when they are not nil, are kept
	// for the visitor. What goes wrong is the Problem of the result.
	Embed(ctx context.Context, target string, initial app.BaseState) Embedded

	// Script returns the URL of the script that starts direct apps and sizes
	// frames with automatic height.
	Script() string

	// PipeScript returns the URL of the script that connects the page's pipes
	// to the socket at a URL; "" is the server's own.
	PipeScript(socket string) string
}

// Embedded is an app or instance for a page, or what to say in its place.
type Embedded struct {
	URL   string // with a slash at its end
	Title string // of the app, or the name of the instance

	Problem string // a sentence for the visitor; "" when there is none
	SignIn  string // URL of the page that solves the problem, or ""
}

type embedderKey struct{}

// WithEmbedder returns a context in which the components embed the apps of e.
func WithEmbedder(ctx context.Context, e Embedder) context.Context {
	return context.WithValue(ctx, embedderKey{}, e)
}

func embedderOf(ctx context.Context) (Embedder, error) {
	e, ok := ctx.Value(embedderKey{}).(Embedder)
	if !ok {
		return nil, errors.New("this context knows no server to embed apps of: serve the page by Config.Pages, or render it with the context of Server.Visit")
	}
	return e, nil
}

// embed finds what the fields of a component name: an instance by its slug, or
// else an app by its name, or else the instance itself.
func embed(ctx context.Context, name, slug string, instance *app.Instance, initial app.BaseState) (Embedded, error) {
	e, err := embedderOf(ctx)
	if err != nil {
		return Embedded{}, err
	}
	var target string
	switch {
	case slug != "":
		target = "instance/" + slug
	case name != "":
		target = "app/" + name
	case instance != nil:
		target = "instance/" + instance.Slug
	default:
		return Embedded{}, errNothingNamed
	}
	return e.Embed(ctx, target, initial), nil
}

var errNothingNamed = errors.New("a component that embeds an app needs a Name, a Slug or an Instance")
