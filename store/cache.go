package store

import (
	"container/list"
	"maps"
	"sync"
	"weak"
)

// maxInstances is how many instances stay in memory that nobody uses.
const maxInstances = 1024

// instanceCache finds instances by slug. It holds the most recent ones, and
// knows all that somebody still holds, so that there is never a second
// *Instance of one instance.
type instanceCache struct {
	loading sync.Mutex // held while an instance is read from the database

	mu     sync.Mutex
	max    int
	bySlug map[string]weak.Pointer[Instance]
	recent *list.List // of *Instance, the last used first
}

func newInstanceCache(size int) *instanceCache {
	return &instanceCache{max: size, bySlug: map[string]weak.Pointer[Instance]{}, recent: list.New()}
}

// find returns an instance that is in memory, or nil.
func (c *instanceCache) find(slug string) *Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.bySlug[slug].Value()
	if i != nil {
		c.use(i)
	}
	return i
}

// add lets an instance be found under a slug, too.
func (c *instanceCache) add(slug string, i *Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bySlug) >= 2*c.max {
		maps.DeleteFunc(c.bySlug, func(_ string, p weak.Pointer[Instance]) bool { return p.Value() == nil })
	}
	c.bySlug[slug] = weak.Make(i)
	c.use(i)
}

// remove ends that an instance is found under a slug.
func (c *instanceCache) remove(slug string, i *Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bySlug[slug].Value() == i {
		delete(c.bySlug, slug)
	}
}

func (c *instanceCache) use(i *Instance) {
	if i.recent != nil {
		c.recent.MoveToFront(i.recent)
		return
	}
	i.recent = c.recent.PushFront(i)
	if c.recent.Len() > c.max {
		oldest := c.recent.Remove(c.recent.Back()).(*Instance)
		oldest.recent = nil
	}
}
