package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// build is an app made ready: checked, and with all that does not change
// computed once.
type build struct {
	callbacks    map[string]*Callback // by their name on the wire
	layout       []byte               // JSON; nil with a LayoutFunc
	index        *layoutIndex         // of layout
	known        []*tree              // layouts of which components are known
	validation   []byte               // JSON of what callbacks were checked against
	dependencies []byte               // JSON
	suites       []*Suite             // those that a page loads
	routes       bool                 // the app reads the page's path
	graphs       bool                 // the layout has graphs
	channels     []string             // patterns of those that the layout's Pipes hear
	clientside   []byte               // script of the inline functions; nil when there is none
	latest       latestCalls
	problems     []error
}

// Validate returns everything that is wrong with the app, one line each,
// joined: signatures, IDs, properties, duplicates. A line begins with the file
// and line to mend. It returns nil when the app can be served.
func (a *App) Validate() error {
	a.build()
	return errors.Join(a.built.problems...)
}

// Validate checks apps that are to be served together: each by itself, and
// that their names differ.
func Validate(apps ...*App) error {
	var problems []error
	bySlug := map[string]*App{}
	for i, a := range apps {
		if a == nil {
			problems = append(problems, fmt.Errorf("app %d is nil", i+1))
			continue
		}
		if err := a.Validate(); err != nil {
			problems = append(problems, err)
		}
		slug := a.Slug()
		if slug == "" {
			continue // Validate has said so
		}
		switch other := bySlug[slug]; {
		case other == nil:
			bySlug[slug] = a
		case other == a:
			problems = append(problems, a.problem("app %q is given twice", a.name))
		case other.name == a.name:
			problems = append(problems, a.problem("there is another app named %q, made at %s; rename one", a.name, other.site))
		default:
			problems = append(problems, a.problem("app %q has the URL /app/%s/, and so has %q, made at %s; rename one", a.name, slug, other.name, other.site))
		}
	}
	return errors.Join(problems...)
}

func (a *App) problem(format string, args ...any) error {
	return fmt.Errorf("%s: %s", a.site, fmt.Sprintf(format, args...))
}

// ready builds the app at its first use and refuses one that is not valid.
func (a *App) ready() (*build, error) {
	a.build()
	if len(a.built.problems) > 0 {
		return nil, fmt.Errorf("app %q is not valid: %w", a.name, a.built.problems[0])
	}
	return a.built, nil
}

func (a *App) build() {
	a.once.Do(func() { a.built = a.newBuild() })
}

func (a *App) newBuild() *build {
	b := &build{callbacks: map[string]*Callback{}}
	report := func(site, format string, args ...any) {
		b.problems = append(b.problems, fmt.Errorf("%s: %s", site, fmt.Sprintf(format, args...)))
	}
	if a.name == "" {
		report(a.site, "the app has no name; give app.New one")
	} else if a.Slug() == "" {
		report(a.site, "app %q has no letter or digit that a URL could be made of", a.name)
	}

	for _, problem := range checkChannels(slices.Concat(a.Channels, a.Publishes)) {
		report(a.site, "app %q: %s", a.name, problem)
	}
	for _, problem := range checkOrigins(a.EmbedOrigins) {
		report(a.site, "app %q: %s", a.name, problem)
	}

	layout := a.buildLayout(b, report)
	known := layout
	if a.ValidationLayout != nil {
		known = readLayout(a.ValidationLayout)
		for _, problem := range known.problems {
			report(a.site, "app %q: validation layout: %s", a.name, problem)
		}
	}
	if known != nil {
		b.validation = known.json
	}
	b.known = []*tree{layout, known}

	for _, c := range a.callbacks {
		if c.onError == nil && c.browser == nil {
			c.onError = a.OnError
		}
		problems := c.build(a.Defaults)
		for _, problem := range problems {
			report(c.site, "%s: %s", c.label(), problem)
		}
		if len(problems) > 0 {
			continue
		}
		if known != nil && !a.SuppressCallbackExceptions && !c.optional {
			targets := slices.Concat(c.outputs, c.args)
			for _, r := range c.running {
				targets = append(targets, r.target)
			}
			for _, d := range targets {
				if problem := known.check(d); problem != "" {
					report(c.site, "%s: %s", c.label(), problem)
				}
			}
		}
		for _, earlier := range a.callbacks {
			if earlier == c {
				break
			}
			for _, d := range c.outputs {
				if !d.allowDuplicate && slices.ContainsFunc(earlier.outputs, func(o Dependency) bool { return !o.allowDuplicate && o.overlaps(d) }) {
					report(c.site, "%s: the callback at %s sets Output %v too; add AllowDuplicate() to one of them", c.label(), earlier.site, d)
				}
			}
		}
		b.register(c, report)
	}

	circles(a.callbacks, report)

	wire := make([]wireCallback, len(a.callbacks))
	for i, c := range a.callbacks {
		wire[i] = c.wire()
	}
	e := encoder{}
	if err := e.any(wire); err != nil {
		report(a.site, "app %q: encode the dependencies: %v", a.name, err)
	}
	b.dependencies = e.buf
	b.clientside = clientsideScript(a.callbacks)
	b.suites = a.pageSuites(layout, known, &tree{suites: e.suites})
	return b
}

func (a *App) buildLayout(b *build, report func(site, format string, args ...any)) *tree {
	layout := a.Layout
	switch {
	case a.Layout != nil && a.LayoutFunc != nil:
		report(a.site, "app %q has both a Layout and a LayoutFunc; keep one", a.name)
		return nil
	case a.LayoutFunc != nil:
		made, err := a.callLayout(newContext(context.Background(), nil))
		if err != nil && a.ValidationLayout != nil {
			return nil // a function that needs a visitor; the validation layout stands in
		}
		if err != nil {
			report(a.site, "app %q: the layout function fails for nobody's visit: %v; let it work, or set ValidationLayout", a.name, err)
			return nil
		}
		layout = made
	}
	if layout == nil {
		report(a.site, "app %q has no layout; set Layout or LayoutFunc", a.name)
		return nil
	}
	t := readLayout(layout)
	for _, problem := range t.problems {
		report(a.site, "app %q: %s", a.name, problem)
	}
	for _, id := range t.doubled {
		report(a.site, "app %q: ID %q is in the layout twice; give each component its own", a.name, string(id))
	}
	b.routes, b.graphs = t.routes, t.graphs
	if a.LayoutFunc == nil {
		b.layout, b.index = t.json, t.index
		for _, channel := range t.channels {
			b.channels = append(b.channels, quotePattern(channel))
		}
	}
	return t
}

// register gives the callback its name on the wire.
func (b *build) register(c *Callback, report func(site, format string, args ...any)) {
	if len(c.outputs) > 0 {
		c.name = wireName(c.outputs, c.list, c.hash)
	} else {
		c.name = c.hash
		if len(c.args) == 0 {
			sum := sha256.Sum256([]byte(c.site))
			c.name = hex.EncodeToString(sum[:])
		}
		// Dash lets the last of several such callbacks win; here each has a name.
		for n := 2; b.callbacks[c.name] != nil; n++ {
			c.name = fmt.Sprintf("%s-%d", c.hash, n)
		}
	}
	if other := b.callbacks[c.name]; other != nil && c.outputs[0].allowDuplicate {
		report(c.site, "%s: the callback at %s has the same Outputs and the same Inputs; join the two", c.label(), other.site)
	}
	b.callbacks[c.name] = c
}

// pageSuites lists the suites that a page loads: those of the layouts, those
// given to Use, and those whose components callbacks return by type.
func (a *App) pageSuites(layouts ...*tree) []*Suite {
	var suites []*Suite
	add := func(s *Suite) {
		if s != nil && !slices.ContainsFunc(suites, func(o *Suite) bool { return o.Namespace == s.Namespace }) {
			suites = append(suites, s)
		}
	}
	for _, t := range layouts {
		if t != nil {
			for _, s := range t.suites {
				add(s)
			}
		}
	}
	for _, s := range a.suites {
		add(s)
	}
	for _, c := range a.callbacks {
		for _, s := range resultSuites(c.fn) {
			add(s)
		}
	}
	return suites
}

// check returns what is wrong with a dependency on the layout, or "".
func (t *tree) check(d Dependency) string {
	if d.pattern == nil {
		n, ok := t.nodes[d.id]
		if !ok {
			if d.optional {
				return ""
			}
			return fmt.Sprintf("%v %v: no component of the layout has the ID %q%s; mend the ID, or set SuppressCallbackExceptions if a callback makes it", d.role, d, string(d.id), t.suggest(d.id))
		}
		return n.check(d)
	}
	for id, p := range t.patterns {
		if d.pattern.matches(p) {
			if problem := t.nodes[id].check(d); problem != "" {
				return problem
			}
		}
	}
	return "" // components for a pattern may come later
}

func (n node) check(d Dependency) string {
	if n.knows(d.property) {
		return ""
	}
	return fmt.Sprintf("%v %v: %s has no property %q%s", d.role, d, n.name, d.property, n.suggest(d.property))
}

func (t *tree) suggest(id ID) string {
	names := make([]string, 0, len(t.nodes))
	for other := range t.nodes {
		names = append(names, string(other))
	}
	return suggestion(string(id), names)
}

func (p *componentPlan) suggest(property string) string {
	names := make([]string, len(p.fields))
	for i := range p.fields {
		names[i] = p.fields[i].name
	}
	return suggestion(property, names)
}

// suggestion returns ` (did you mean "..."?)` for the nearest name, or "".
func suggestion(wrong string, names []string) string {
	best, distance := "", len(wrong)/3+2
	slices.Sort(names)
	for _, name := range names {
		if d := editDistance(strings.ToLower(wrong), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance counts the letters to add, drop or change between two words.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			corner, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, corner+cost)
		}
	}
	return row[len(b)]
}
