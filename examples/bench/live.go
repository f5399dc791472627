package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"dashd/app"
	"dashd/app/dpd"
	"dashd/app/serve"
)

// Budgets of channels. Daphne with Redis needed 664 ms for the slowest in a
// hundred of 1,000 listeners, on a like machine.
const (
	fanOutBudget    = 66 * time.Millisecond
	listenerBudget  = 20 // KiB
	fanOutRounds    = 20
	burstMessages   = 300
	floodMessages   = 20_000
	floodListeners  = 100
	slowListeners   = 20               // of those
	deliveryTimeout = 30 * time.Second // for a message to reach all
)

// channelName is where the messages go.
const channelName = "bench"

// newListening makes a server of an app with a Pipe.
func newListening() (*serve.Server, error) {
	a := app.New("Listening")
	a.Access = app.Public
	a.Layout = dpd.Pipe{ID: "pipe", ChannelName: channelName, Label: "time"}
	return serve.New(serve.Config{
		Apps: []*app.App{a},
		Log:  slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
}

// publishTimes publishes n messages, each with the time at which it was sent.
func publishTimes(server *serve.Server, n int) error {
	for range n {
		if _, err := server.Publish(channelName, "time", time.Now().UnixNano()); err != nil {
			return err
		}
	}
	return nil
}

// publish lets the child publish n messages and waits until it has.
func (c *child) publish(n int) error {
	if _, err := c.in.WriteString(strconv.Itoa(n) + "\n"); err != nil {
		return err
	}
	_, err := c.line()
	return err
}

// listener is a websocket that hears the channel. It comes back when it is cut
// off, and counts what it got.
type listener struct {
	address string
	slow    bool

	got     atomic.Int64
	missing atomic.Int64 // messages that it was told are lost
	cuts    atomic.Int64

	mu        sync.Mutex
	latencies []time.Duration

	epoch string
	seq   int64
}

// frame is what a listener reads of a message.
type frame struct {
	Type  string `json:"type"`
	Value int64  `json:"value"`
	Epoch string `json:"epoch"`
	Seq   int64  `json:"seq"`
}

func (l *listener) dial(ctx context.Context) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+l.address+"/dpd/ws/channel", nil)
	if err != nil {
		return nil, err
	}
	subscribe := fmt.Sprintf(`{"type":"connection_triplet","uid":"1","channel_name":%q,"label":"time","epoch":%q,"seq":%d}`, channelName, l.epoch, l.seq)
	if err := conn.Write(ctx, websocket.MessageText, []byte(subscribe)); err != nil {
		return nil, err
	}
	return conn, nil
}

// listen connects, tells ready, and reads until ctx is done.
func (l *listener) listen(ctx context.Context, ready chan<- error) {
	conn, err := l.dial(ctx)
	for told := false; err == nil && ctx.Err() == nil; {
		var text []byte
		if _, text, err = conn.Read(ctx); err != nil {
			_ = conn.CloseNow()
			if ctx.Err() == nil {
				l.cuts.Add(1)
				conn, err = l.dial(ctx)
			}
			continue
		}
		now := time.Now().UnixNano()
		var f frame
		if err = json.Unmarshal(text, &f); err != nil {
			break
		}
		switch f.Type {
		case "pipe.value":
			l.seq = f.Seq
			l.mu.Lock()
			l.latencies = append(l.latencies, time.Duration(now-f.Value))
			l.mu.Unlock()
			l.got.Add(1)
			if l.slow {
				time.Sleep(time.Millisecond) // a reader that cannot follow
			}
		case "pipe.gap":
			l.missing.Add(f.Seq - l.seq)
			l.epoch, l.seq = f.Epoch, f.Seq
		case "pipe.subscribed":
			l.epoch, l.seq = f.Epoch, f.Seq
			if !told {
				told = true
				ready <- nil
			}
		}
	}
	if ctx.Err() == nil {
		ready <- err
	}
}

// audience is listeners to one server.
type audience struct {
	listeners []*listener
	stop      context.CancelFunc
	done      sync.WaitGroup
	ready     chan error
}

// connect connects n listeners, of which the first are slow.
func connect(ctx context.Context, address string, n, slow int) (*audience, error) {
	ctx, stop := context.WithCancel(ctx)
	a := &audience{stop: stop, ready: make(chan error, 2*n)}
	const atOnce = 50
	for i := range n {
		l := &listener{address: address, slow: i < slow}
		a.listeners = append(a.listeners, l)
		a.done.Go(func() { l.listen(ctx, a.ready) })
		if i >= atOnce {
			if err := <-a.ready; err != nil {
				a.close()
				return nil, err
			}
		}
	}
	for range min(n, atOnce) {
		if err := <-a.ready; err != nil {
			a.close()
			return nil, err
		}
	}
	return a, nil
}

func (a *audience) close() {
	a.stop()
	a.done.Wait()
}

// heard waits until every listener has got, or knows that it misses, count
// messages, and returns the share that was delivered.
func (a *audience) heard(count int64) (float64, error) {
	deadline := time.Now().Add(deliveryTimeout)
	for {
		var got, known int64
		for _, l := range a.listeners {
			n := l.got.Load()
			got += n
			known += min(n+l.missing.Load(), count)
		}
		if known == count*int64(len(a.listeners)) {
			return float64(got) / float64(known), nil
		}
		select {
		case err := <-a.ready:
			return 0, err
		default:
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%d of %d messages arrived, and nobody was told of the others", known, count*int64(len(a.listeners)))
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (a *audience) latencies() []time.Duration {
	var all []time.Duration
	for _, l := range a.listeners {
		l.mu.Lock()
		all = append(all, l.latencies...)
		l.latencies = nil
		l.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

// measureLive measures channels: fan-out, a burst, memory, and more messages
// than the readers can take.
func measureLive(ctx context.Context, t *table) error {
	for _, n := range []int{1000, 10_000} {
		if err := measureFanOut(ctx, t, n); err != nil {
			return err
		}
	}
	return measureFlood(ctx, t)
}

func measureFanOut(ctx context.Context, t *table, n int) error {
	server, err := startChild(ctx, liveHandler)
	if err != nil {
		return err
	}
	defer server.stop()
	before, err := residentMegabytes(server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	a, err := connect(ctx, server.address, n, 0)
	if err != nil {
		return err
	}
	defer a.close()
	after, err := residentMegabytes(server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for i := range fanOutRounds {
		if err := server.publish(1); err != nil {
			return err
		}
		if _, err := a.heard(int64(i + 1)); err != nil {
			return err
		}
	}
	all := a.latencies()
	p50, p99 := all[len(all)/2], all[len(all)*99/100]
	start := time.Now()
	if err := server.publish(burstMessages); err != nil {
		return err
	}
	share, err := a.heard(fanOutRounds + burstMessages)
	if err != nil {
		return err
	}
	took := time.Since(start)
	of := thousands(float64(n)) + " listeners"
	text := fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", ms(p50), ms(p99))
	if n == 1000 {
		t.below("one message to "+of, ms(p99), ms(fanOutBudget), "p99 below 66 ms", text)
	} else {
		t.note("one message to "+of, text)
	}
	t.atLeast("delivered, with a burst of "+strconv.Itoa(burstMessages)+" to "+of, share, 1,
		fmt.Sprintf("%.0f %% (%s deliveries/s)", share*100, thousands(float64(burstMessages*n)/took.Seconds())))
	if after == 0 {
		return nil // this system does not tell
	}
	each := (after - before) * 1e6 / 1024 / float64(n)
	if n == 1000 { // with what the server needs for the first of them
		t.note("memory of a connection, "+of, fmt.Sprintf("%.1f KiB", each))
	} else {
		t.below("memory of a connection, "+of, each, listenerBudget, "at most 20 KiB", fmt.Sprintf("%.1f KiB", each))
	}
	return nil
}

// measureFlood publishes faster than some listeners read.
func measureFlood(ctx context.Context, t *table) error {
	server, err := startChild(ctx, liveHandler)
	if err != nil {
		return err
	}
	defer server.stop()
	a, err := connect(ctx, server.address, floodListeners, slowListeners)
	if err != nil {
		return err
	}
	defer a.close()
	for range floodMessages / 100 {
		if err := server.publish(100); err != nil {
			return err
		}
	}
	share, err := a.heard(floodMessages)
	if err != nil {
		return err
	}
	var cuts int64
	for _, l := range a.listeners {
		cuts += l.cuts.Load()
	}
	t.note(fmt.Sprintf("%s messages at once to %d listeners, %d of them slow", thousands(floodMessages), floodListeners, slowListeners),
		fmt.Sprintf("%.1f %% delivered, %s, nothing lost silently", share*100, plural(int(cuts), "time")+" cut off and back"))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
