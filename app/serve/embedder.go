package serve

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"dashd/app"
	"dashd/app/dpd"
	"dashd/views"
)

// Context returns ctx with the visit, for [VisitOf] and for the components of
// package views: they embed apps as this visitor may see them. Handlers of
// [Config.Pages] have it in their request's context.
//
// A component with initial arguments begins a session by a cookie in the answer,
// so write the page when it has been rendered whole, as [templ.Handler] and
// [templ.ToGoHTML] do.
func (v *Visit) Context(ctx context.Context) context.Context {
	return views.WithEmbedder(context.WithValue(ctx, visitKey{}, v), embedder{v})
}

// SignInURL returns where the visitor can sign in, to come back to this page
// then, or "" where visitors cannot.
func (v *Visit) SignInURL() string { return v.server.signInURL(v.r) }

// embedder embeds apps in the page of a visit.
type embedder struct{ visit *Visit }

// Embed implements [views.Embedder].
func (e embedder) Embed(ctx context.Context, target string, initial app.BaseState) views.Embedded {
	embedded, err := e.find(ctx, target, initial)
	if err != nil {
		return e.problem(target, err)
	}
	return embedded
}

func (e embedder) find(ctx context.Context, target string, initial app.BaseState) (views.Embedded, error) {
	p, err := e.visit.server.findTarget(ctx, target)
	if err != nil {
		return views.Embedded{}, err
	}
	if err := e.visit.server.admit(e.visit, p); err != nil {
		return views.Embedded{}, err
	}
	if p.mount == nil {
		return views.Embedded{}, errAppGone
	}
	address, err := e.visit.urlAt(p, initial)
	if err != nil {
		return views.Embedded{}, err
	}
	embedded := views.Embedded{URL: address, Title: p.mount.page.Title}
	if p.instance != nil {
		embedded.Title = p.instance.Instance().Name
	}
	return embedded, nil
}

// problem says in an app's place what is wrong. What the page's author or the
// operator has to mend is logged.
func (e embedder) problem(target string, err error) views.Embedded {
	s, id := e.visit.server, requestID(e.visit.w)
	log := s.config.Log.With("request", id, "page", e.visit.r.URL.Path, "embeds", target)
	sentence := ""
	if known, ok := errors.AsType[*app.Error](err); ok {
		sentence = known.Message
	}
	switch app.ErrorCode(err) {
	case app.Unauthorized:
		return views.Embedded{Problem: sentence, SignIn: e.visit.SignInURL()}
	case app.Forbidden, app.TooMany:
		return views.Embedded{Problem: sentence}
	case app.NotFound:
		kind, name, _ := strings.Cut(target, "/")
		sentence = fmt.Sprintf("There is no %s %q.", kind, name)
		fallthrough
	case app.Invalid, app.Gone, app.TooLarge:
		log.Warn("cannot embed an app", "err", err)
		return views.Embedded{Problem: sentence}
	default:
		log.Error("cannot embed an app", "err", err)
		return views.Embedded{Problem: "Something went wrong. The log has the reason under the id " + id + "."}
	}
}

// Script implements [views.Embedder].
func (e embedder) Script() string { return e.visit.server.config.BasePath + embedScript }

// PipeScript implements [views.Embedder].
func (e embedder) PipeScript(socket string) string {
	s := e.visit.server
	script := s.suiteScripts(dpd.Suite, false)[0]
	if socket == "" {
		return script
	}
	script, _, _ = strings.Cut(script, "#")
	return script + "#" + (&url.URL{Fragment: socket}).EscapedFragment()
}
