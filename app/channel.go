package app

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
)

// Bus carries the messages of channels: what a server lends to a call. It is
// safe for concurrent use.
type Bus interface {
	// Publish sends a JSON value to all who listen to a channel, without waiting
	// for them. Retain gives it to those who come later too.
	Publish(ctx context.Context, channel, label string, value json.RawMessage, retain bool) error

	// Grant returns the proof that this visitor may listen to a channel, which a
	// Pipe that was made for him carries.
	Grant(channel string) string
}

// Publish sends a value, which is encoded as JSON, to the Pipes that hear a
// channel and have its label, on all pages. It does not wait for them. Without
// a server, as in most tests, nobody hears it. Errors: Invalid and TooLarge.
func (c *Context) Publish(channel, label string, value any) error {
	return c.publish(channel, label, value, false)
}

// Retain is Publish for a value that also those pages get which are loaded
// later, until the next of its channel and label.
func (c *Context) Retain(channel, label string, value any) error {
	return c.publish(channel, label, value, true)
}

func (c *Context) publish(channel, label string, value any, retain bool) error {
	text, err := appendJSON(nil, value)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	if c.call.Bus == nil {
		return nil
	}
	return c.call.Bus.Publish(context.WithoutCancel(c), channel, label, text, retain)
}

// hearer is a component that hears a channel: a Pipe.
type hearer interface{ DashChannel() string }

// channelProperty names the channel of a Pipe, grantProperty the proof that its
// page may hear it.
const (
	channelProperty = "channel_name"
	grantProperty   = "grant"
	pipeNamespace   = "dpd_components"
)

// channelOf returns the channel that a component hears, or "".
func channelOf(c Component, overrides Props) string {
	h, ok := c.(hearer)
	if el, isElement := c.(Element); isElement {
		ok = el.Namespace == pipeNamespace
		overrides = el.Props
	}
	if !ok {
		return ""
	}
	if channel, ok := overrides[channelProperty].(string); ok {
		return channel
	}
	if h != nil {
		return h.DashChannel()
	}
	return ""
}

// grantTo appends the grant of a component that hears a channel; more says that
// other properties stand before it.
func (e *encoder) grantTo(c Component, overrides Props, more bool) {
	channel := channelOf(c, overrides)
	if channel == "" {
		return
	}
	if more {
		e.buf = append(e.buf, ',')
	}
	e.buf = append(e.buf, `"grant":`...)
	start := len(e.buf)
	e.buf = appendString(e.buf, e.bus.Grant(channel), true)
	if e.index != nil {
		e.index.note(grantProperty, start, len(e.buf))
	}
}

// grantJSON returns the grant for a channel that is given as JSON, or nil when
// that is none.
func grantJSON(bus Bus, channel []byte) json.RawMessage {
	name, ok := textOf(channel)
	if bus == nil || !ok || name == "" {
		return nil
	}
	return appendString(nil, bus.Grant(name), true)
}

// checkChannels returns what is wrong with the patterns of channels.
func checkChannels(patterns []string) (problems []string) {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			problems = append(problems, fmt.Sprintf("%q is not a channel, nor a pattern of channels such as sensors.*", pattern))
		}
	}
	return problems
}

// quotePattern returns the pattern that a channel's name alone matches.
func quotePattern(channel string) string {
	var b []byte
	for i := range len(channel) {
		if slices.Contains([]byte(`*?[\`), channel[i]) {
			b = append(b, '\\')
		}
		b = append(b, channel[i])
	}
	return string(b)
}
