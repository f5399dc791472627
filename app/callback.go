package app

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Callback is a function of an app that the page calls when an [Input]
// changes. It is made by [App.Callback] and complete with [Callback.Do].
type Callback struct {
	site    string // file:line of App.Callback
	options []Arg
	fn      any
	raw     func(*Context, []json.RawMessage) ([]any, error)
	browser *clientside // in place of a Go function
	onError ErrorHandler
	doCalls int

	// Set by build.
	outputs  []Dependency
	list     bool         // the outputs are a list on the wire
	args     []Dependency // Inputs and States as declared
	initial  initialCall
	name     string // on the wire; key of the app's callbacks
	hash     string // of the inputs
	running  []running
	timeout  time.Duration
	latest   bool // LatestWins
	optional bool
	invoke   invoker

	targets, inputs, states []*Dependency // the outputs, and the args by role

	wantsContext bool // the function looks at its *Context
}

// invoker calls a callback's function. args are what the page sent for the
// Inputs and States as declared; results has one value for each Output.
type invoker func(ctx *Context, args []argument) (results []any, err error)

// Do gives the callback its function:
//
//	func([ctx *app.Context,] inputs and states...) (outputs... [, error])
//
// It takes the Inputs and States in the order in which they were declared and
// returns the Outputs in theirs. JSON is decoded into the parameters' types as
// encoding/json does; null and an unset property give the zero value, which a
// pointer tells apart. A property with ALL or ALLSMALLER needs a slice: of
// values, or of [Match] to have the IDs too. An Output with ALL takes a slice
// with one value for each component.
//
// Instead of several parameters, or of several results, the function can have
// one struct whose fields name the properties: `dash:"name.value"`.
//
// An output of type any can be [NoUpdate]. The error can be
// [ErrPreventUpdate], which leaves the page as it is, or an [Error]; any other
// is an Internal error.
//
// The function is called by many goroutines at once. The signature is checked
// when the app is built: see [App.Validate].
func (c *Callback) Do(function any) {
	c.fn = function
	c.doCalls++
}

// DoRaw is Do for code that brings its own types: it gets the JSON of each
// Input and State as declared (nil for an unset property, an array for ALL)
// and returns a value for each Output.
func (c *Callback) DoRaw(function func(ctx *Context, args []json.RawMessage) ([]any, error)) {
	c.raw = function
	c.doCalls++
}

// ErrorHandler takes an error of a callback: one that it returned, a panic, or
// a value of the page that did not fit. It returns values for the Outputs in
// place of the callback's, nil for none, or an error in place of err. What it
// sets by [Context.SetProps] reaches the page.
//
// It is not asked for calls that no longer count when they fail: those that
// [LatestWins] has ended, and those whose [Timeout] has passed.
type ErrorHandler func(ctx *Context, err error) (outputs []any, handled error)

// OnError gives the callback an error handler of its own, before the app's.
func (c *Callback) OnError(handler ErrorHandler) *Callback {
	c.onError = handler
	return c
}

// Match is one component that a wildcard of an [Input] or [State] stood for.
// A callback takes []Match[T] where it wants to know the IDs.
type Match[T any] struct {
	ID    ID
	Value T
}

func (m *Match[T]) match(id ID) any {
	m.ID = id
	return &m.Value
}

// matcher is implemented by *Match[T]: it takes the ID and returns where the value goes.
type matcher interface{ match(id ID) any }

// NoUpdate, as an output of type any, leaves that property as it is.
var NoUpdate any = noUpdate{}

type noUpdate struct{}

// initialCall is Dash's prevent_initial_call.
type initialCall int

const (
	initialUnset     initialCall = iota
	initialAllowed               // False
	initialPrevented             // True
	initialDuplicate             // "initial_duplicate"
)

type option func(*Callback)

func (o option) apply(c *Callback) { o(c) }

// PreventInitialCall keeps the callback from being called when its components
// appear: it waits for a change.
func PreventInitialCall() Arg {
	return option(func(c *Callback) { c.initial = initialPrevented })
}

// AllowInitialCall undoes a [PreventInitialCall] or [PreventInitialDuplicate]
// among the app's Defaults.
func AllowInitialCall() Arg {
	return option(func(c *Callback) { c.initial = initialAllowed })
}

// PreventInitialDuplicate lets a callback with Outputs that allow duplicates
// run when its components appear, in an order that nobody promises.
func PreventInitialDuplicate() Arg {
	return option(func(c *Callback) { c.initial = initialDuplicate })
}

// Optional permits a callback whose components are not all in the layout.
func Optional() Arg {
	return option(func(c *Callback) { c.optional = true })
}

// running is a property that is set while a callback runs.
type running struct {
	target  Dependency
	on, off any
}

// Running sets a property of a component to on while the callback runs, and to
// off when it has ended, however it ends. Both may be components.
//
//	app.Running(app.Output("go", "disabled"), true, false)
func Running(target Dependency, on, off any) Arg {
	return option(func(c *Callback) { c.running = append(c.running, running{target, on, off}) })
}

// Timeout bounds how long the page waits for the callback. Then its context is
// done and the page gets an error; what the function still returns is lost.
func Timeout(d time.Duration) Arg {
	return option(func(c *Callback) { c.timeout = d })
}

// LatestWins ends the context of a call when the same page calls the callback
// for the same Outputs again. The function should then return ctx.Err(); its
// answer no longer counts.
func LatestWins() Arg {
	return option(func(c *Callback) { c.latest = true })
}

// label names the callback in messages: its outputs as written.
func (c *Callback) label() string {
	if len(c.outputs) == 0 {
		return "callback without outputs"
	}
	label := "callback "
	for i, d := range c.outputs {
		if i > 0 {
			label += ", "
		}
		label += d.String()
	}
	return label
}

// build resolves the options and the function. It returns what is wrong, each
// a phrase without the callback's name.
func (c *Callback) build(defaults []Arg) (problems []string) {
	for _, arg := range defaults {
		arg.apply(c)
	}
	if c.browser != nil { // Timeout and LatestWins are for functions on the server
		c.timeout, c.latest = 0, false
	}
	for i, arg := range c.options {
		if arg == nil {
			problems = append(problems, fmt.Sprintf("argument %d is nil", i+1))
			continue
		}
		arg.apply(c)
	}
	if len(c.outputs) > 1 {
		c.list = true
	}
	for i := range c.outputs {
		problems = append(problems, c.outputs[i].build()...)
		if c.outputs[i].role != output {
			problems = append(problems, fmt.Sprintf("%v is a %v among the Outputs", c.outputs[i], c.outputs[i].role))
		}
		for _, earlier := range c.outputs[:i] {
			if earlier.id == c.outputs[i].id && earlier.property == c.outputs[i].property {
				problems = append(problems, fmt.Sprintf("Output %v is there twice", c.outputs[i]))
			}
		}
	}
	inputs := 0
	for i := range c.args {
		problems = append(problems, c.args[i].build()...)
		if c.args[i].role == input {
			inputs++
		}
		if c.args[i].allowDuplicate {
			problems = append(problems, fmt.Sprintf("%v %v: AllowDuplicate is for Outputs", c.args[i].role, c.args[i]))
		}
	}
	if inputs == 0 && len(c.args) > 0 {
		problems = append(problems, "has States but no Input, so nothing would ever call it again; make one of them an Input")
	}
	for i := range c.outputs {
		c.targets = append(c.targets, &c.outputs[i])
	}
	for i := range c.args {
		if c.args[i].role == input {
			c.inputs = append(c.inputs, &c.args[i])
		} else {
			c.states = append(c.states, &c.args[i])
		}
	}
	problems = append(problems, c.checkWildcards()...)
	c.hash = hashInputs(c.args)
	for _, d := range c.outputs {
		if d.allowDuplicate && c.initial != initialPrevented && c.initial != initialDuplicate {
			problems = append(problems, fmt.Sprintf("Output %v allows duplicates, so the order of first calls is open; add app.PreventInitialCall() or app.PreventInitialDuplicate()", d))
			break
		}
	}
	for i := range c.running {
		target := &c.running[i].target
		problems = append(problems, target.build()...)
		if target.role != output {
			problems = append(problems, fmt.Sprintf("Running: %v is an %v; name the property by app.Output", target, target.role))
		}
	}
	if c.timeout < 0 {
		problems = append(problems, "Timeout is negative")
	}
	switch {
	case c.doCalls == 0:
		problems = append(problems, "has no function; call Do")
	case c.doCalls > 1:
		problems = append(problems, "has more than one function; call Do once")
	case c.browser != nil:
		if c.browser.Namespace == "" || c.browser.Function == "" || c.browser.Namespace == inlineNamespace && strings.TrimSpace(c.browser.source) == "" {
			problems = append(problems, "names no JavaScript function")
		}
		if c.latest || c.timeout != 0 || c.onError != nil {
			problems = append(problems, "runs in the browser, where LatestWins, Timeout and OnError have no meaning")
		}
	case c.raw != nil:
		c.invoke, c.wantsContext = invokeRaw(c.raw), true
	case c.fn == nil || reflect.TypeOf(c.fn).Kind() != reflect.Func || reflect.ValueOf(c.fn).IsNil():
		problems = append(problems, fmt.Sprintf("Do needs a function, not %T", c.fn))
	default:
		invoke, wrong := newInvoker(c.fn, c.args, c.outputs)
		problems = append(problems, wrong...)
		c.invoke, c.wantsContext = invoke, takesContext(c.fn)
		if c.latest && !c.wantsContext {
			problems = append(problems, "has LatestWins, which ends its context, but takes none; add ctx *app.Context as the first parameter")
		}
		c.wantsContext = c.wantsContext || c.onError != nil
	}
	return problems
}

func (d *Dependency) build() (problems []string) {
	if err := d.id.check(); err != nil {
		problems = append(problems, fmt.Sprintf("%v: %v", d.role, err))
	} else if d.id.IsKey() {
		d.pattern, _ = parsePattern(d.id)
		d.id = d.pattern.id()
	}
	if d.property == "" {
		problems = append(problems, fmt.Sprintf("%v of %q names no property", d.role, string(d.id)))
	}
	return problems
}

// checkWildcards checks what Dash checks in the browser: where MATCH and
// ALLSMALLER can stand.
func (c *Callback) checkWildcards() (problems []string) {
	var matchKeys map[string]bool // MATCH keys of the outputs
	for i, d := range c.outputs {
		keys := map[string]bool{}
		for _, part := range d.pattern {
			switch part.wildcard {
			case MATCH:
				keys[part.key] = true
			case ALLSMALLER:
				problems = append(problems, fmt.Sprintf("Output %v has ALLSMALLER, which is for Inputs and States", d))
			}
		}
		if i == 0 {
			matchKeys = keys
		} else if !equalKeys(keys, matchKeys) {
			problems = append(problems, fmt.Sprintf("Output %v has MATCH under other keys than the first Output", d))
		}
	}
	for _, d := range c.args {
		for _, part := range d.pattern {
			switch {
			case part.wildcard == MATCH && len(matchKeys) > 0 && !matchKeys[part.key],
				part.wildcard == ALLSMALLER && !matchKeys[part.key]:
				problems = append(problems, fmt.Sprintf("%v %v has %s under %q, where the Outputs have no MATCH", d.role, d, part.wildcard, part.key))
			}
		}
	}
	return problems
}

func equalKeys(a, b map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for key := range a {
		if !b[key] {
			return false
		}
	}
	return true
}
