package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// updateRequest is the body of _dash-update-component: section 5.3 of Dash's
// protocol. It keeps the body's own bytes, each part as its JSON and nil when
// absent: the lists are read against what the callback declares, so that a
// body takes no more memory than its callback needs. Members that Dash does
// not read are left unread.
type updateRequest struct {
	output, outputs, inputs, state, changed []byte
}

// argument is what the page sent for one Input, State or Output: a property,
// or with a wildcard a list of them.
type argument struct {
	property
	many   bool
	items  []property
	source *Dependency // set when it has been checked
}

// property is a property of one component. ID and Property are set when it has
// been checked against the dependency.
type property struct {
	ID       ID
	Property string
	Value    json.RawMessage // nil when unset

	rawID       []byte
	rawProperty []byte
}

var errShape = Errorf(Invalid, "The body does not have the shape of a callback's request.")

func readUpdate(body []byte) (*updateRequest, error) {
	if !json.Valid(body) {
		return nil, Errorf(Invalid, "The body is not valid JSON.")
	}
	c := cursor{text: body}
	if !c.enter('{') {
		return nil, errShape
	}
	req := &updateRequest{}
	for c.more() {
		key, value := c.quotedKey(), c.value()
		switch string(key) {
		case `"output"`:
			req.output = value
		case `"outputs"`:
			req.outputs = value
		case `"inputs"`:
			req.inputs = value
		case `"state"`:
			req.state = value
		case `"changedPropIds"`:
			req.changed = value
		}
	}
	return req, nil
}

// readArguments reads a list of arguments, one for each dependency.
func readArguments(raw []byte, dependencies []*Dependency) ([]argument, error) {
	if raw == nil {
		raw = []byte("[]")
	}
	c := cursor{text: raw}
	if !c.enter('[') {
		return nil, errShape
	}
	args := make([]argument, 0, len(dependencies))
	for c.more() {
		if len(args) == len(dependencies) {
			return nil, Errorf(Invalid, "The request has more Inputs, States or Outputs than the callback declares.")
		}
		var a argument
		if err := a.read(&c, dependencies[len(args)]); err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	if len(args) < len(dependencies) {
		return nil, Errorf(Invalid, "The request lacks %v %v of the callback.", dependencies[len(args)].role, *dependencies[len(args)])
	}
	return args, nil
}

// read reads an argument and checks that it is of the dependency, item by item.
func (a *argument) read(c *cursor, d *Dependency) error {
	a.source = d
	a.many = c.enter('[')
	if a.many != d.many() {
		return Errorf(Invalid, "The request has the wrong shape for %v %v.", d.role, *d)
	}
	if !a.many {
		return a.property.read(c, d)
	}
	for c.more() {
		var p property
		if err := p.read(c, d); err != nil {
			return err
		}
		a.items = append(a.items, p)
	}
	return nil
}

func (p *property) read(c *cursor, d *Dependency) error {
	if !c.enter('{') {
		return errShape
	}
	lacking := false
	for c.more() {
		switch string(c.quotedKey()) {
		case `"id"`:
			p.rawID = c.value()
		case `"property"`:
			p.rawProperty = c.value()
		case `"value"`:
			p.Value = c.value()
		case `"allow_optional"`: // is there when the component is not
			c.value()
			lacking = true
		default:
			c.value()
		}
	}
	if lacking && string(p.Value) == "null" {
		p.Value = nil // not a value that the component has
	}
	return d.accepts(p)
}

// json returns the argument's value as JSON: an array for a wildcard, nil when
// unset.
func (a *argument) json() json.RawMessage {
	if !a.many {
		return a.Value
	}
	b := []byte{'['}
	for i, item := range a.items {
		if i > 0 {
			b = append(b, ',')
		}
		if item.Value == nil {
			b = append(b, "null"...)
		} else {
			b = append(b, item.Value...)
		}
	}
	return append(b, ']')
}

// decode decodes the argument's value into a parameter.
func (a *argument) decode(dst reflect.Value) error {
	if !a.many {
		return a.fit(a.property.decode(dst))
	}
	if dst.Type() == rawType {
		dst.SetBytes(a.json())
		return nil
	}
	list := dst
	if dst.Type() == anyType {
		list = reflect.New(reflect.TypeFor[[]any]()).Elem()
	}
	list.Set(reflect.MakeSlice(list.Type(), len(a.items), len(a.items)))
	for i := range a.items {
		if err := a.items[i].decode(list.Index(i)); err != nil {
			return a.fit(err)
		}
	}
	if dst.Type() == anyType {
		dst.Set(list)
	}
	return nil
}

func (p *property) decode(dst reflect.Value) error {
	if m, ok := dst.Addr().Interface().(matcher); ok {
		dst = reflect.ValueOf(m.match(p.ID)).Elem()
	}
	return decodeValue(p.Value, dst)
}

func (a *argument) fit(err error) error {
	if err == nil {
		return nil
	}
	return Errorf(Invalid, "The value of %v does not fit: %v.", *a.source, err)
}

// UpdateJSON answers one _dash-update-component: it calls the callback that
// the body names and returns the JSON for the page, or nil when the page is to
// be left as it is (204).
//
// The body comes from the visitor and is not trusted: what the app did not
// declare is refused with an [Error] that says so. A panic of the callback is
// returned as a [PanicError]. call may be nil in tests.
//
// On an instance with SaveOnChange, tracked properties are saved before
// UpdateJSON returns: the Inputs and States that the page sent, however the
// callback ends, and when it ends well what it has set and answered. What a
// state cannot hold (see [CheckValue]) is left out, but Outputs may hold
// components.
func (a *App) UpdateJSON(ctx context.Context, call *Call, body []byte) ([]byte, error) {
	b, err := a.ready()
	if err != nil {
		return nil, err
	}
	req, err := readUpdate(body)
	if err != nil {
		return nil, err
	}
	name, _ := textOf(req.output)
	c := b.callbacks[name]
	if c == nil || c.browser != nil {
		return nil, Errorf(Invalid, "There is no callback for this output; reload the page.")
	}
	args, err := c.arguments(req)
	if err != nil {
		return nil, err
	}
	outputs, err := c.outputsOf(req.outputs)
	if err != nil {
		return nil, err
	}
	var instance *InstanceState
	if call != nil && call.Instance != nil {
		instance = newInstanceState(call.Instance)
		instance.receive(args, req.changed)
	}
	if c.latest && call != nil {
		var done func()
		targets := outputs
		if len(targets) == 0 {
			targets = args
		}
		ctx, done = b.latest.begin(ctx, call.Page, name, targets)
		defer done()
	}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	var dash *Context
	if c.wantsContext {
		dash = newContext(ctx, call)
		dash.instance = instance
		dash.describe(args, outputs, req.changed)
	}
	if call == nil || call.Watcher == nil {
		return c.answer(ctx, b, call, dash, instance, args, outputs)
	}
	start := time.Now()
	answer, err := c.answer(ctx, b, call, dash, instance, args, outputs)
	call.Watcher.Ran(c.name, time.Since(start), err)
	return answer, err
}

// answer calls the function, and encodes and saves what it returns.
func (c *Callback) answer(ctx context.Context, b *build, call *Call, dash *Context, instance *InstanceState, args, outputs []argument) ([]byte, error) {
	results, err := c.run(ctx, dash, args)
	instance.end()
	if errors.Is(err, ErrPreventUpdate) || errors.Is(context.Cause(ctx), errSuperseded) {
		return nil, instance.save(ctx, b, call, false)
	}
	var answer []byte
	if err == nil {
		answer, err = c.respond(b, call, dash, instance, outputs, results)
	}
	if failure := instance.save(ctx, b, call, err == nil); failure != nil && err != nil {
		err = fmt.Errorf("%w; nor could the page's values be saved: %v", err, failure)
	} else if failure != nil {
		err = failure
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// run calls the function, within the callback's time.
func (c *Callback) run(ctx context.Context, dash *Context, args []argument) ([]any, error) {
	if c.timeout == 0 {
		return c.handle(ctx, dash, args)
	}
	type outcome struct {
		results []any
		err     error
	}
	var header http.Header // of the answer, which a late function must not touch
	if dash != nil {
		header, dash.call.Header = dash.call.Header, http.Header{}
	}
	ended := make(chan outcome, 1) // so that a late function finds room and ends
	go func() {
		results, err := c.handle(ctx, dash, args)
		ended <- outcome{results, err}
	}()
	select {
	case o := <-ended:
		if ctx.Err() != nil {
			break // it ended because its time did
		}
		if dash != nil {
			for name, values := range dash.call.Header {
				header[name] = append(header[name], values...)
			}
		}
		return o.results, o.err
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, Errorf(TimedOut, "The callback took longer than %v.", c.timeout)
	}
	return nil, ctx.Err()
}

// handle calls the function and, when it fails, the error handler. It names
// the callback in errors.
func (c *Callback) handle(ctx context.Context, dash *Context, args []argument) ([]any, error) {
	results, err := contain(func() ([]any, error) { return c.invoke(dash, args) })
	if failure := err; failure != nil && c.onError != nil && !errors.Is(failure, ErrPreventUpdate) && !isLost(ctx) {
		results, err = contain(func() ([]any, error) { return c.onError(dash, failure) })
		if err == nil && results == nil {
			results = slices.Repeat([]any{NoUpdate}, len(c.outputs))
		}
	}
	if _, ours := errors.AsType[*Error](err); err == nil || ours || errors.Is(err, ErrPreventUpdate) {
		return results, err
	}
	return nil, fmt.Errorf("run %s: %w", c.label(), err)
}

// isLost reports whether a call no longer counts: a newer one has taken its
// place, or its time is over.
func isLost(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, errSuperseded) || errors.Is(cause, context.DeadlineExceeded)
}

// contain turns a panic into an error.
func contain(fn func() ([]any, error)) (results []any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return fn()
}

// arguments checks what the page sent against what the callback declares and
// returns it in declared order.
func (c *Callback) arguments(req *updateRequest) ([]argument, error) {
	inputs, err := readArguments(req.inputs, c.inputs)
	if err != nil {
		return nil, err
	}
	states, err := readArguments(req.state, c.states)
	if err != nil {
		return nil, err
	}
	args := make([]argument, len(c.args))
	for i := range c.args {
		from := &inputs
		if c.args[i].role == state {
			from = &states
		}
		args[i], *from = (*from)[0], (*from)[1:]
	}
	return args, nil
}

// accepts checks that a property is of the dependency, and names it.
func (d *Dependency) accepts(p *property) error {
	other := func() error {
		return Errorf(Invalid, "The request has another property in the place of %v %v.", d.role, *d)
	}
	if d.role == output { // the renderer adds the callback's hash
		if name, _, hashed := bytes.Cut(p.rawProperty, []byte("@")); hashed {
			p.rawProperty = append(name[:len(name):len(name)], '"')
		}
	}
	if !isText(p.rawProperty, d.property) {
		return other()
	}
	p.Property = d.property
	if d.pattern == nil {
		if !isText(p.rawID, string(d.id)) {
			return other()
		}
		p.ID = d.id
		return nil
	}
	if len(p.rawID) == 0 || p.rawID[0] != '{' {
		return other()
	}
	if d.pattern.matchesText(p.rawID) { // as pages send the IDs of our layouts
		p.ID = ID(p.rawID)
		return nil
	}
	if d.lacks(p) {
		p.ID = d.id
		return nil
	}
	key, err := readPattern(p.rawID)
	if err != nil || !d.pattern.matches(key) {
		return other()
	}
	p.ID = key.id()
	return nil
}

// lacks reports whether a property is what the renderer sends when an optional
// dependency has no component: no value, and for an ID the pattern as it holds
// it, with MATCH as an object.
func (d *Dependency) lacks(p *property) bool {
	if !d.optional || d.role == output || d.many() || p.Value != nil && string(p.Value) != "null" {
		return false
	}
	id, err := readPattern(bytes.ReplaceAll(p.rawID, []byte(`{"wild":"MATCH"}`), []byte(`["MATCH"]`)))
	return err == nil && id.id() == d.id
}

// outputsOf checks the concrete outputs that the page sent.
func (c *Callback) outputsOf(raw []byte) ([]argument, error) {
	if len(c.outputs) == 0 {
		return nil, nil
	}
	if raw == nil {
		return c.namedOutputs()
	}
	if c.list {
		return readArguments(raw, c.targets)
	}
	outputs := make([]argument, 1)
	return outputs, outputs[0].read(&cursor{text: raw}, c.targets[0])
}

// namedOutputs are the outputs of a request that leaves them to the callback's
// name, as django-plotly-dash permits. A wildcard's components it does not tell.
func (c *Callback) namedOutputs() ([]argument, error) {
	outputs := make([]argument, len(c.targets))
	for i, d := range c.targets {
		if d.many() || d.pattern.has(MATCH) {
			return nil, Errorf(Invalid, "The request lacks the outputs of the callback.")
		}
		outputs[i] = argument{property: property{ID: d.id, Property: d.property}, source: d}
	}
	return outputs, nil
}

// maxTriggers bounds Context.Triggered: more components than that do not change
// at once.
const maxTriggers = 10_000

// describe fills the lists of the context. changed is the JSON list of the
// changed properties, or nil.
func (ctx *Context) describe(args, outputs []argument, changed []byte) {
	for i := range args {
		item := args[i].describe()
		if args[i].source.role == input {
			ctx.Inputs = append(ctx.Inputs, item)
		} else {
			ctx.States = append(ctx.States, item)
		}
	}
	for i := range outputs {
		ctx.Outputs = append(ctx.Outputs, outputs[i].describe())
	}
	ctx.trigger(changed)
	inputs, states := ctx.Inputs, ctx.States
	for i := range args {
		from := &inputs
		if args[i].source.role == state {
			from = &states
		}
		ctx.Args = append(ctx.Args, (*from)[0])
		*from = (*from)[1:]
	}
}

func (a *argument) describe() Argument {
	if !a.many {
		return Argument{Name: a.source.tag(), ID: a.ID, Property: a.Property, Value: a.Value}
	}
	items := make([]Argument, len(a.items))
	for i, item := range a.items {
		items[i] = Argument{ID: item.ID, Property: item.Property, Value: item.Value}
	}
	return Argument{Name: a.source.tag(), Items: items}
}

// propertyName names a property of a component.
type propertyName struct {
	id       ID
	property string
}

// changedProperties reads the JSON list of the properties that the page says
// have changed.
func changedProperties(raw []byte) iter.Seq2[ID, string] {
	return func(yield func(ID, string) bool) {
		c := cursor{text: raw}
		if !c.enter('[') {
			return
		}
		for n := 0; n < maxTriggers && c.more(); {
			text, _ := textOf(c.value())
			dot := strings.LastIndexByte(text, '.')
			if dot < 0 {
				continue
			}
			n++
			if !yield(ID(text[:dot]).canonical(), text[dot+1:]) {
				return
			}
		}
	}
}

// trigger fills Triggered and marks the Inputs that stand for the changed
// properties.
func (ctx *Context) trigger(changed []byte) {
	inputs := map[propertyName][]*Argument{} // with the items of wildcards
	parent := map[*Argument]*Argument{}
	for i := range ctx.Inputs {
		in := &ctx.Inputs[i]
		if in.Items == nil {
			inputs[propertyName{in.ID, in.Property}] = append(inputs[propertyName{in.ID, in.Property}], in)
		}
		for n := range in.Items {
			item := &in.Items[n]
			parent[item] = in
			inputs[propertyName{item.ID, item.Property}] = append(inputs[propertyName{item.ID, item.Property}], item)
		}
	}
	for id, property := range changedProperties(changed) {
		t := Trigger{ID: id, Property: property}
		for _, in := range inputs[propertyName{id, property}] {
			in.Triggered, t.Value = true, in.Value
			if list := parent[in]; list != nil {
				list.Triggered = true
			}
		}
		ctx.Triggered = append(ctx.Triggered, t)
	}
}

// update is one property that the answer sets.
type update struct {
	id       ID
	property string
	value    any
}

// respond builds the answer: section 5.4 of Dash's protocol. What the answer
// sets is noted for an instance that saves it.
func (c *Callback) respond(b *build, call *Call, ctx *Context, instance *InstanceState, outputs []argument, results []any) ([]byte, error) {
	if len(results) != len(outputs) {
		return nil, fmt.Errorf("%s returned %s for %d Outputs", c.label(), counted(len(results), "value"), len(outputs))
	}
	var side []update
	if ctx != nil {
		side = ctx.side
	}
	if len(c.outputs) == 0 && len(side) == 0 {
		return nil, nil
	}
	updates := make([]update, 0, len(outputs))
	for i := range outputs {
		o := &outputs[i]
		if results[i] == NoUpdate {
			continue
		}
		if !o.many {
			updates = append(updates, update{o.ID, o.Property, results[i]})
			continue
		}
		values := reflect.ValueOf(results[i])
		if values.Kind() != reflect.Slice || values.Len() != len(o.items) {
			return nil, fmt.Errorf("%s did not return a slice of %s for Output %v", c.label(), counted(len(o.items), "value"), *o.source)
		}
		for n := range o.items {
			if value := values.Index(n).Interface(); value != NoUpdate {
				updates = append(updates, update{o.items[n].ID, o.items[n].Property, value})
			}
		}
	}
	e := encoder{buf: make([]byte, 0, 256)}
	if instance != nil && instance.saves {
		e.answers = &instance.answers
	}
	if call != nil {
		e.bus = call.Bus
	}
	e.buf = append(e.buf, `{"multi":true,`...)
	if start := len(e.buf); len(side) > 0 {
		e.buf = append(e.buf, `"sideUpdate":{`...)
		if err := e.updates(side); err != nil {
			return nil, fmt.Errorf("encode the side updates of %s: %w", c.label(), err)
		}
		e.buf = append(e.buf, '}', ',')
		if len(b.dist(call, e.suites)) > 0 { // the renderer loads suites after these and before the response
			e.buf = e.buf[:start]
			if e.answers != nil {
				*e.answers = nil
			}
			updates = append(slices.DeleteFunc(side, func(s update) bool {
				return slices.ContainsFunc(updates, func(u update) bool { return u.id == s.id && u.property == s.property })
			}), updates...)
		}
	}
	e.buf = append(e.buf, `"response":{`...)
	if err := e.updates(updates); err != nil {
		return nil, fmt.Errorf("encode the answer of %s: %w", c.label(), err)
	}
	e.buf = append(e.buf, '}')
	if files := b.dist(call, e.suites); len(files) > 0 {
		e.buf = append(e.buf, `,"dist":`...)
		if err := e.any(files); err != nil {
			return nil, fmt.Errorf("encode the suites of the answer of %s: %w", c.label(), err)
		}
	}
	return append(e.buf, '}'), nil
}

// dist lists the files of those suites that the page has not loaded.
func (b *build) dist(call *Call, suites []*Suite) []Resource {
	missing := b.notLoaded(suites)
	if len(missing) == 0 || call == nil || call.Dist == nil {
		return nil
	}
	return call.Dist(missing)
}

// notLoaded returns those suites that are not in the app's Page.
func (b *build) notLoaded(suites []*Suite) (missing []*Suite) {
	for _, s := range suites {
		if !slices.ContainsFunc(b.suites, func(loaded *Suite) bool { return loaded.Namespace == s.Namespace }) {
			missing = append(missing, s)
		}
	}
	return missing
}

// updates encodes properties grouped by component, in order of appearance.
func (e *encoder) updates(updates []update) error {
	if len(updates) > 1 {
		order := make(map[ID]int, len(updates))
		for _, u := range updates {
			if _, ok := order[u.id]; !ok {
				order[u.id] = len(order)
			}
		}
		slices.SortStableFunc(updates, func(a, b update) int { return order[a.id] - order[b.id] })
	}
	for i, u := range updates {
		switch {
		case i > 0 && updates[i-1].id == u.id:
			e.buf = append(e.buf, ',')
		case i > 0:
			e.buf = append(e.buf, '}', ',')
			fallthrough
		default:
			e.buf = appendString(e.buf, string(u.id), true)
			e.buf = append(e.buf, ':', '{')
		}
		e.buf = appendString(e.buf, u.property, true)
		e.buf = append(e.buf, ':')
		start := len(e.buf)
		if err := e.any(u.value); err != nil {
			return at(string(u.id)+"."+u.property, err)
		}
		if e.answers != nil {
			*e.answers = append(*e.answers, Write{ID: u.id, Property: u.property, Value: e.buf[start:]})
		}
		if e.bus != nil && u.property == channelProperty {
			if grant := grantJSON(e.bus, e.buf[start:]); grant != nil {
				e.buf = append(append(e.buf, `,"grant":`...), grant...)
			}
		}
	}
	if len(updates) > 0 {
		e.buf = append(e.buf, '}')
	}
	return nil
}
