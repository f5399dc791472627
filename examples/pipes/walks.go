package pipes

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Bounds of what is kept, in memory.
const (
	maxUID    = 100       // bytes
	maxWalks  = 1000      // the one unused for longest goes
	kept      = time.Hour // since the last click
	maxPoints = 100       // of a colour
	maxRows   = 25        // that a graph shows
)

// colours are those that a click may have.
var colours = []string{"red", "blue", "green", "yellow", "cyan", "magenta", "black"}

// walk is the state of a graph: a random walk for each colour.
type walk struct {
	colours map[string][]point // oldest first
	used    time.Time
}

type point struct {
	time  int64 // in milliseconds of Unix time
	level float64
}

// walks are the walks by uid. It is safe for concurrent use.
type walks struct {
	mu    sync.Mutex
	byUID map[string]*walk
}

func newWalks() *walks { return &walks{byUID: map[string]*walk{}} }

// add takes a step for a click, unless it is no later than the last of its
// colour, and returns the click's time. One without a time is a second later
// than all before it.
func (w *walks) add(uid string, c click) int64 {
	if !slices.Contains(colours, c.Colour) {
		return c.Time
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	walk := w.use(uid)
	if c.Time < 1 {
		c.Time = walk.latest() + 1000
	}
	points := walk.colours[c.Colour]
	last := point{0, 100}
	if len(points) > 0 {
		last = points[len(points)-1]
	}
	if c.Time > last.time {
		points = append(points, point{c.Time, last.level * math.Exp(0.1*rand.NormFloat64())})
		walk.colours[c.Colour] = points[max(0, len(points)-maxPoints):]
	}
	return c.Time
}

// use returns a walk to be changed, and makes room for it where it is new. mu
// is held.
func (w *walks) use(uid string) *walk {
	found := w.byUID[uid]
	if found == nil {
		found = &walk{colours: map[string][]point{}}
		w.byUID[uid] = found
	}
	found.used = time.Now()
	oldest := uid
	for other, walk := range w.byUID {
		if time.Since(walk.used) > kept {
			delete(w.byUID, other)
		} else if walk.used.Before(w.byUID[oldest].used) {
			oldest = other
		}
	}
	if len(w.byUID) > maxWalks {
		delete(w.byUID, oldest)
	}
	return found
}

func (w *walk) latest() (time int64) {
	for _, points := range w.colours {
		time = max(time, points[len(points)-1].time)
	}
	return time
}

// rows returns the latest seconds at which something was clicked, and for each
// colour the level that it then had; nil before its first.
func (w *walks) rows(uid string) (seconds []time.Time, lines map[string][]*float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	walk := w.byUID[uid]
	if walk == nil {
		return nil, nil
	}
	at := map[int64]bool{}
	firsts := map[string]map[int64]float64{} // the first level of each second
	for colour, points := range walk.colours {
		firsts[colour] = map[int64]float64{}
		for _, p := range slices.Backward(points) {
			second := p.time / 1000
			at[second] = true
			firsts[colour][second] = p.level
		}
	}
	order := slices.Sorted(maps.Keys(at))
	lines = map[string][]*float64{}
	for colour, levels := range firsts {
		var level *float64
		for _, second := range order {
			if l, ok := levels[second]; ok {
				level = &l
			}
			lines[colour] = append(lines[colour], level)
		}
		lines[colour] = lines[colour][max(0, len(order)-maxRows):]
	}
	for _, second := range order[max(0, len(order)-maxRows):] {
		seconds = append(seconds, time.Unix(second, 0).UTC())
	}
	return seconds, lines
}
