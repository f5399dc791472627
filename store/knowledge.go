package store

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	maxPages    = 128 // pages of one instance whose knowledge is kept
	maxPageName = 100 // bytes
)

// knowledge is what the pages of an instance have learned since they loaded,
// and what they have said: what the write rule needs and the database does not
// hold. Pages that were forgotten, by a restart or because there are many, know
// what the instance held when they loaded.
type knowledge struct {
	pages map[string]*pageKnowledge
	uses  int64

	// When the last request arrived that set a property to the value it has. It
	// changed nothing, and yet no older request may write over it.
	confirmed map[place]int64
}

type pageKnowledge struct {
	learned   map[place]int64 // by the instance's clock
	announced map[place]int64 // milliseconds
	used      int64
}

// page returns what is known of a page; for a page that has said nothing, an
// empty knowledge.
func (k *knowledge) page(name string) *pageKnowledge {
	if p := k.pages[name]; p != nil {
		k.uses++
		p.used = k.uses
		return p
	}
	return &pageKnowledge{}
}

// remember is page for one that says something: it is kept.
func (k *knowledge) remember(name string) *pageKnowledge {
	if p := k.pages[name]; p != nil || name == "" || len(name) > maxPageName {
		return k.page(name)
	}
	if k.pages == nil {
		k.pages = map[string]*pageKnowledge{}
	}
	if len(k.pages) >= maxPages {
		delete(k.pages, slices.MinFunc(slices.Collect(maps.Keys(k.pages)), func(a, b string) int {
			return cmp.Compare(k.pages[a].used, k.pages[b].used)
		}))
	}
	p := &pageKnowledge{learned: map[place]int64{}, announced: map[place]int64{}}
	k.pages[name] = p
	return k.page(name)
}

// learn notes that the page has what was written up to now.
func (p *pageKnowledge) learn(at place, written int64) {
	if p.learned != nil {
		p.learned[at] = max(p.learned[at], written)
	}
}

// announce notes that the page said that a property has changed.
func (p *pageKnowledge) announce(at place, now int64) {
	if p.announced != nil {
		p.announced[at] = now
	}
}

// announcedLately reports whether the page said that a moment ago.
func (p *pageKnowledge) announcedLately(at place, now int64) bool {
	when, ok := p.announced[at]
	return ok && now-when < aMomentAgo.Milliseconds()
}

// confirm notes that a request set a property to the value that it has.
func (k *knowledge) confirm(at place, arrival int64) {
	if k.confirmed == nil {
		k.confirmed = map[place]int64{}
	}
	k.confirmed[at] = max(k.confirmed[at], arrival)
}

// forget drops what was known of a property that is no longer tracked.
func (k *knowledge) forget(at place) {
	delete(k.confirmed, at)
	for _, p := range k.pages {
		delete(p.learned, at)
		delete(p.announced, at)
	}
}

// pageName makes the id of a page that is going to know what was written up to
// now. Nobody can guess it.
func pageName(written int64, random string) string {
	return strconv.FormatInt(written, 36) + "-" + strings.ToLower(random)
}

// loadedAt returns the reading of the clock in a page's id: 0 for other ids.
func loadedAt(page string) int64 {
	number, _, ok := strings.Cut(page, "-")
	written, err := strconv.ParseInt(number, 36, 64)
	if !ok || err != nil || written < 0 {
		return 0
	}
	return written
}
