package serve

import "sync"

// maxNoted is of how many things the log has a line: strangers, who can make up
// others, are not to fill it.
const maxNoted = 50

// noted are the things of which the log has had a line. It is safe for
// concurrent use.
type noted struct {
	mu   sync.Mutex
	seen map[string]bool
}

// first reports whether a thing is to have its line now.
func (n *noted) first(thing string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[thing] || len(n.seen) >= maxNoted {
		return false
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[thing] = true
	return true
}
