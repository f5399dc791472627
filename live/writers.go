package live

import (
	"sync"
	"time"
)

// maxWriters bounds the goroutines that write at a time, but for those that a
// peer holds up.
const maxWriters = 256

// patience is how long a connection that does not take what is written keeps a
// writer from the others.
const patience = 100 * time.Millisecond

// writers are the goroutines that all connections share for writing, so that a
// connection costs one goroutine, not two. They come when there is something
// to write and go when there is not.
type writers struct {
	mu    sync.Mutex
	ready []*listener
	count int // of goroutines that are not held up
}

// add gives a listener to the writers.
func (w *writers) add(l *listener) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = append(w.ready, l)
	w.start()
}

// start makes a writer where one more may be. mu is held.
func (w *writers) start() {
	if w.count < maxWriters && len(w.ready) > 0 {
		w.count++
		go w.write()
	}
}

// held makes room for another in the place of a writer that is held up.
func (w *writers) held() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count--
	w.start()
}

// next takes the listener that has waited for longest; nil ends the writer.
func (w *writers) next() *listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.ready) == 0 {
		w.ready = nil // the space of a large broadcast
		w.count--
		return nil
	}
	l := w.ready[0]
	w.ready[0] = nil
	w.ready = w.ready[1:]
	return l
}

func (w *writers) write() {
	for l := w.next(); l != nil; l = w.next() {
		watch := time.AfterFunc(patience, w.held)
		more := l.flush()
		inTime := watch.Stop()
		if more {
			w.add(l) // behind the others
		}
		if !inTime {
			return // another has its place
		}
	}
}
