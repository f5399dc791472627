package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/app/dpd"
	"dashd/live"
	"dashd/views"
)

// live serves the table of the channels. A script keeps it up to date; without
// one, loading it again does.
func (a admin) live(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	page := views.Live{
		Channels: channelTable(a.hub.Channels()),
		Scripts:  append(a.suiteScripts(dpd.Suite, false), a.bundles.url(a.config.BasePath, sitePackage, "live.js")),
	}
	return a.show(w, r, v, "Live", refused, func(frame views.Admin) templ.Component { return frame.Live(page) })
}

// publishForm publishes a message.
func (a admin) publishForm(r *http.Request, _ *Visit) (done, error) {
	m := live.Message{
		Channel: strings.TrimSpace(r.PostForm.Get("channel")),
		Label:   strings.TrimSpace(r.PostForm.Get("label")),
		Value:   typed(strings.TrimSpace(r.PostForm.Get("value"))),
		Retain:  r.PostForm.Has("retain"),
	}
	if strings.HasPrefix(m.Channel, ownChannels) {
		return done{}, app.Errorf(app.Invalid, "The channels that begin with %s are the server's own.", ownChannels)
	}
	receipt, err := a.publish(r.Context(), m)
	if err != nil {
		return done{}, err
	}
	return went("live/", "Published to %s.", plural(receipt.Listeners, "listener"))
}

// Bounds of the table of channels.
const (
	shownChannels = 100 // those used last
	maxShownValue = 100 // bytes
)

// channelTable is the table of the channels, without dashd's own.
func channelTable(channels []live.ChannelInfo) (table views.ChannelTable) {
	channels = slices.DeleteFunc(channels, func(c live.ChannelInfo) bool { return strings.HasPrefix(c.Name, ownChannels) })
	slices.SortStableFunc(channels, func(x, y live.ChannelInfo) int { return y.Used.Compare(x.Used) })
	table.More = max(0, len(channels)-shownChannels)
	channels = channels[:len(channels)-table.More]
	slices.SortFunc(channels, func(x, y live.ChannelInfo) int { return strings.Compare(x.Name, y.Name) })
	for _, c := range channels {
		table.List = append(table.List, views.AdminChannel{
			Name: c.Name, Listeners: c.Listeners, Rate: c.Rate,
			Label: cut(c.Label, maxShownValue), Value: cut(string(c.Value), maxShownValue),
		})
	}
	return table
}

// boardChannel carries the rows of the table of channels, as HTML.
const (
	boardChannel  = ownChannels + "channels"
	boardLabel    = "rows"
	boardInterval = time.Second
)

// board publishes the table of the channels while somebody looks at it. Its
// zero value is ready; it is safe for concurrent use.
type board struct {
	mu     sync.Mutex
	last   string             // rows that were published
	renew  int                // intervals in which they are published even if they are the same
	alone  int                // intervals in which nobody has listened
	cancel context.CancelFunc // nil when nothing is published
	closed bool
	done   sync.WaitGroup
}

// patience is how many intervals the board waits for a listener: one that is
// about to join, or comes back.
const patience = 5

// watch begins to publish, for somebody who is about to listen.
func (b *board) watch(hub *live.Hub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.renew, b.alone = 2, 0 // an interval may end before somebody listens
	if b.cancel != nil || b.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.done.Go(func() { b.publish(ctx, hub) })
}

// close ends the publishing, for good.
func (b *board) close() {
	b.mu.Lock()
	b.closed = true
	if b.cancel != nil {
		b.cancel()
	}
	b.mu.Unlock()
	b.done.Wait()
}

// goesOn counts an interval, and reports whether to publish in it.
func (b *board) goesOn(isHeard bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.alone++; isHeard {
		b.alone = 0
	}
	if b.alone <= patience && !b.closed {
		return true
	}
	b.cancel()
	b.cancel = nil
	return false
}

// publish publishes the rows when they have changed, until nobody listens.
func (b *board) publish(ctx context.Context, hub *live.Hub) {
	ticker := time.NewTicker(boardInterval)
	defer ticker.Stop()
	for channels := hub.Channels(); b.goesOn(isHeard(channels)); channels = hub.Channels() {
		var rows strings.Builder
		if err := channelTable(channels).Rows().Render(ctx, &rows); err == nil && b.isNew(rows.String()) { // else ctx is done
			value, _ := json.Marshal(rows.String())                                                  // a string always has one
			_, _ = hub.Publish(live.Message{Channel: boardChannel, Label: boardLabel, Value: value}) // fails when the hub closes
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// isNew reports whether rows are not what all have seen, and notes them.
func (b *board) isNew(rows string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rows == b.last && b.renew == 0 {
		return false
	}
	b.last, b.renew = rows, max(0, b.renew-1)
	return true
}

func isHeard(channels []live.ChannelInfo) bool {
	return slices.ContainsFunc(channels, func(c live.ChannelInfo) bool { return c.Name == boardChannel && c.Listeners > 0 })
}
