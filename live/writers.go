package live

import "sync"

// maxWriters bounds the goroutines that write to connections. One that writes
// to a connection whose peer does not read is held up for writeTimeout.
const maxWriters = 512

// writers are the goroutines that all connections share for writing, so that a
// connection costs one goroutine, not two. They come when there is something
// to write and go when there is not.
type writers struct {
	mu    sync.Mutex
	ready []*Listener
	count int
}

func (w *writers) add(l *Listener) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = append(w.ready, l)
	if w.count < maxWriters {
		w.count++
		go w.write()
	}
}

func (w *writers) write() {
	for {
		w.mu.Lock()
		if len(w.ready) == 0 {
			w.count--
			w.ready = nil // the space of a large broadcast
			w.mu.Unlock()
			return
		}
		l := w.ready[0]
		w.ready[0] = nil
		w.ready = w.ready[1:]
		w.mu.Unlock()
		if l.flush() {
			w.again(l)
		}
	}
}

// again puts a listener that has more to send behind the others.
func (w *writers) again(l *Listener) {
	w.mu.Lock()
	w.ready = append(w.ready, l)
	w.mu.Unlock()
}
