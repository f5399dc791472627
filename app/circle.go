package app

import (
	"slices"
	"strings"
)

// circles reports callbacks that set each other off in a circle, which the
// page would follow for ever: a problem for each circle, at its first callback
// in the app's order. A callback whose Output is also one of its own Inputs is
// none: the renderer knows not to call it again, so that a slider and an input
// can follow each other.
func circles(callbacks []*Callback, report func(site, format string, args ...any)) {
	g := newCallGraph(callbacks)
	const (
		unseen = iota
		onPath
		done
	)
	state := make(map[*Callback]int, len(callbacks))
	var path []*Callback
	var visit func(c *Callback)
	visit = func(c *Callback) {
		state[c] = onPath
		path = append(path, c)
		for _, next := range g.calls(c) {
			switch state[next] {
			case unseen:
				visit(next)
			case onPath:
				circle := path[slices.Index(path, next):]
				names := make([]string, 0, len(circle)+1)
				for _, member := range circle {
					names = append(names, member.outputs[0].String()+" ("+member.site+")")
				}
				report(next.site, "%s: callbacks call each other in a circle: %s -> %s; join them into one callback, or make one of the Inputs a State",
					next.label(), strings.Join(names, " -> "), names[0])
			}
		}
		path = path[:len(path)-1]
		state[c] = done
	}
	for _, c := range callbacks {
		if state[c] == unseen {
			visit(c)
		}
	}
}

// callGraph knows which callbacks have a property as their Input.
type callGraph struct {
	plain    map[string][]*Callback // by "id.property"
	patterns []patternInput
}

type patternInput struct {
	input    Dependency
	callback *Callback
}

func newCallGraph(callbacks []*Callback) *callGraph {
	g := &callGraph{plain: map[string][]*Callback{}}
	for _, c := range callbacks {
		for _, d := range c.args {
			switch {
			case d.role != input:
			case d.pattern != nil:
				g.patterns = append(g.patterns, patternInput{d, c})
			default:
				g.plain[d.String()] = append(g.plain[d.String()], c)
			}
		}
	}
	return g
}

// calls returns the other callbacks that c's Outputs call.
func (g *callGraph) calls(c *Callback) (called []*Callback) {
	for _, d := range c.outputs {
		own := slices.ContainsFunc(c.args, func(in Dependency) bool { return in.role == input && in.overlaps(d) })
		if own || d.allowDuplicate {
			continue
		}
		if d.pattern == nil {
			called = append(called, g.plain[d.String()]...)
			continue
		}
		for _, p := range g.patterns {
			if p.callback != c && p.input.overlaps(d) {
				called = append(called, p.callback)
			}
		}
	}
	return called
}
