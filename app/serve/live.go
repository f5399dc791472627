package serve

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"dashd/app"
	"dashd/live"
	"dashd/store"
)

// Publish sends a value, which is encoded as JSON, to all who listen to a
// channel. It does not wait for them. Errors are [app.Error] where the message
// is at fault.
func (s *Server) Publish(channel, label string, value any) (live.Receipt, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return live.Receipt{}, app.Errorf(app.Invalid, "The value cannot be written as JSON.")
	}
	return s.publish(context.Background(), live.Message{Channel: channel, Label: label, Value: text})
}

// Retain is Publish for a value that also those get who come later, over
// restarts too, until the next of its channel and label.
func (s *Server) Retain(ctx context.Context, channel, label string, value any) (live.Receipt, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return live.Receipt{}, app.Errorf(app.Invalid, "The value cannot be written as JSON.")
	}
	return s.publish(ctx, live.Message{Channel: channel, Label: label, Value: text, Retain: true})
}

// retainLimits are those of the hub.
var retainLimits = store.RetainLimits{
	Labels:       live.DefaultLimits.Retained,
	ChannelBytes: live.DefaultLimits.RetainedBytes,
	Bytes:        live.DefaultLimits.Memory,
}

// publish is the one way of messages to the hub. The last value there is also
// the last in the database.
func (s *Server) publish(ctx context.Context, m live.Message) (receipt live.Receipt, err error) {
	writeErr := s.store.RetainInTurn(ctx, func() *store.RetainedChange {
		if receipt, err = s.hub.Publish(m); err != nil || !m.Retain && !receipt.Forgot {
			return nil
		}
		return &store.RetainedChange{Retained: store.Retained{Channel: m.Channel, Label: m.Label, Value: m.Value}, Forget: receipt.Forgot}
	})
	switch {
	case errors.Is(err, live.ErrTooLong):
		return receipt, app.Errorf(app.TooLarge, "The message is too long: a value has at most %d bytes.", live.DefaultLimits.Message)
	case errors.Is(err, live.ErrChannel):
		return receipt, app.Errorf(app.Invalid, "A channel has 1 to 100 letters, digits and - _ . characters.")
	case errors.Is(err, live.ErrValue):
		return receipt, app.Errorf(app.Invalid, "The value is not JSON.")
	case err != nil:
		return receipt, fmt.Errorf("publish: %w", err)
	}
	return receipt, writeErr
}

// pipeRoutes are where pages listen. Who may hear what is decided for each
// channel.
func (s *Server) pipeRoutes() []siteRoute {
	return []siteRoute{
		{http.MethodGet, s.config.WSRoute, app.Public, s.servePipes},
		{http.MethodPost, s.config.WSRoute, app.Public, s.servePipes},
	}
}

// pokeRoutes are where programs publish. What they may is decided for each
// channel.
func (s *Server) pokeRoutes() []siteRoute {
	if s.config.NoPoke {
		return nil
	}
	return []siteRoute{{http.MethodPost, s.config.HTTPRoute + "/poke/{$}", app.Public, s.servePoke}}
}

// endListeners ends the connections of a session that has ended, or of a user
// who may do more or less than before: they come back with what they may.
func (s *core) endListeners(session []byte, user string) {
	if s.embedListeners.end(session, user) {
		s.hub.CloseAll()
	}
	if session != nil {
		s.hub.CloseSession(hex.EncodeToString(session))
	} else {
		s.hub.CloseUser(user)
	}
}

// openHub gives the hub what the last run remembered. What cannot be read is
// lost, with a line in the log: pages that resume are told of a gap, and the
// server starts.
func (s *Server) openHub(ctx context.Context) error {
	s.store.BoundRetained(retainLimits)
	snapshot, err := s.store.TakeChannels(ctx)
	if err != nil {
		return err
	}
	if snapshot != nil {
		err := s.hub.Restore(snapshot)
		if err == nil {
			return nil
		}
		s.config.Log.Warn("the channels of the last run are lost", "err", err)
	}
	retained, err := s.store.Retained(ctx)
	if err != nil {
		return err
	}
	for _, r := range retained {
		if _, err := s.hub.Publish(live.Message{Channel: r.Channel, Label: r.Label, Value: r.Value, Retain: true}); err != nil {
			s.config.Log.Warn("a retained value is lost", "channel", r.Channel, "err", err)
		}
	}
	return nil
}

// closeHub lets the listeners go and keeps what the channels remember.
func (s *Server) closeHub(ctx context.Context) error {
	s.board.close()
	if err := s.hub.Shutdown(ctx); err != nil {
		s.config.Log.Warn("stopping", "err", err)
	}
	snapshot, err := s.hub.Snapshot()
	if err != nil {
		return err
	}
	return s.store.KeepChannels(ctx, snapshot)
}

// maxSubscriptions bounds the body that a stream of events is asked for with.
const maxSubscriptions = 256 << 10

// servePipes connects the pipes of a page: by a websocket, or for a POST by a
// stream of events, with the subscriptions as a JSON array in the body.
func (s *Server) servePipes(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if err := s.limit(w, r, &s.joined, connections); err != nil {
		return err
	}
	client := s.listener(v)
	if r.Method == http.MethodGet {
		var origins []string
		for _, origin := range []string{originOf(s.config.PublicURL), s.foreignOrigin(r)} {
			if origin != "" {
				origins = append(origins, strings.ReplaceAll(origin, "[", `\[`)) // of an IPv6 address, not of a pattern
			}
		}
		s.hub.ServeWebSocket(w, r, client, origins...)
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSubscriptions))
	if err != nil {
		return app.Errorf(app.TooLarge, "There are too many subscriptions.")
	}
	var subscriptions []json.RawMessage
	if err := json.Unmarshal(body, &subscriptions); err != nil {
		return app.Errorf(app.Invalid, "The body is not a list of subscriptions.")
	}
	frames := make([][]byte, len(subscriptions))
	for i, frame := range subscriptions {
		frames[i] = frame
	}
	if err := s.hub.ServeEvents(w, r, client, frames); err != nil {
		return app.Errorf(app.TooMany, "There are too many connections.")
	}
	return nil
}

// listener is the visitor as a client of the hub. It holds nothing of the
// request, which its connection outlives.
func (s *Server) listener(v *Visit) live.Client {
	user, whom := v.User(), v.grantee()
	client := live.Client{
		Session: v.sessionID(),
		Address: s.countedAddress(v.r),
		Request: requestID(v.w),
		Listen: func(channel, claim string) bool {
			return s.mayListen(context.Background(), user, whom, channel, claim)
		},
		Publish: func(m live.Message) error {
			if !s.mayPublish(user, m.Channel) {
				return app.Errorf(app.Forbidden, "Browsers do not publish to this channel.")
			}
			_, err := s.publish(context.Background(), m)
			return err
		},
	}
	if user != nil {
		client.User = user.Name
	}
	return client
}

// sessionID names the visitor's session to the hub; "" when there is none.
func (v *Visit) sessionID() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	session, err := v.current(v.r.Context())
	if session == nil || err != nil {
		return ""
	}
	return hex.EncodeToString(session.Hash())
}

// Publish implements [app.Bus].
func (v *Visit) Publish(ctx context.Context, channel, label string, value json.RawMessage, retain bool) error {
	_, err := v.server.publish(ctx, live.Message{Channel: channel, Label: label, Value: value, Retain: retain})
	return err
}

// Grant implements [app.Bus]: it is the claim of a Pipe that a layout function,
// saved state or a callback made for this visitor, that he may hear its channel
// as long as he may open the app or instance. It needs no memory, so it
// outlives a restart.
func (v *Visit) Grant(channel string) string {
	target := v.place.target()
	claim := claimBy + target + " " + v.server.grantMAC(v.grantee(), target, channel)
	if v.embedded && v.session != nil { // which is not that of the connection
		claim += " " + v.session.Token()
	}
	return claim
}

// ownChannels begins the channels that are dashd's own, for superusers.
const ownChannels = "dashd."

// The claims of pipes: "at <URL path of the app or instance>", or a grant, "by
// <target> <mac>". Those of an embed session have its token: in the path, or
// after the mac.
const (
	claimAt = "at "
	claimBy = "by "
)

// mayListen decides who hears a channel: those who may open an app that uses
// it. An app uses the channels of the Pipes in its layout, those it declares,
// and those that it was granted for this visitor: see [Visit.Grant].
func (s *Server) mayListen(ctx context.Context, user *app.User, whom, channel, claim string) bool {
	if strings.HasPrefix(channel, ownChannels) {
		allowed := app.Restricted().Allows(user)
		if allowed && channel == boardChannel {
			s.board.watch(s.hub)
		}
		return allowed
	}
	if at, ok := strings.CutPrefix(claim, claimAt); ok {
		p, token, err := s.placeAt(ctx, at)
		if token != "" && err == nil {
			user, err = s.embedUser(ctx, token, p.target())
		}
		return err == nil && p.mount != nil && s.access(p).Allows(user) && matches(p.mount.page.Channels, channel)
	}
	if by, ok := strings.CutPrefix(claim, claimBy); ok {
		target, mac, _ := strings.Cut(by, " ")
		mac, token, _ := strings.Cut(mac, " ")
		p, err := s.findTarget(ctx, target)
		if token != "" && err == nil {
			user, err = s.embedUser(ctx, token, target)
			whom = grantee(user)
		}
		return err == nil && s.access(p).Allows(user) && slices.ContainsFunc([]string{whom, anonymously}, func(whom string) bool {
			return hmac.Equal([]byte(mac), []byte(s.grantMAC(whom, target, channel)))
		})
	}
	return slices.ContainsFunc(s.apps, func(m *mount) bool {
		return matches(m.page.Channels, channel) && s.appAccess(m).Allows(user)
	})
}

// mayPublish decides to which channels browsers publish: those that an app
// declares which the visitor may open.
func (s *Server) mayPublish(user *app.User, channel string) bool {
	return !strings.HasPrefix(channel, ownChannels) && slices.ContainsFunc(s.apps, func(m *mount) bool {
		return matches(m.page.Publishes, channel) && s.appAccess(m).Allows(user)
	})
}

func matches(patterns []string, channel string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, channel) // checked when the app was built
		return ok
	})
}

// placeAt finds the app or instance at a URL path, and the token of the embed
// session in it, if there is one.
func (s *Server) placeAt(ctx context.Context, at string) (p place, token string, err error) {
	rest, ok := strings.CutPrefix(at, s.config.BasePath)
	if !ok {
		return place{}, "", errNoPage
	}
	kind, rest, _ := strings.Cut(rest, "/")
	slug, rest, _ := strings.Cut(rest, "/")
	if rest, ok := strings.CutPrefix(rest, embedPath); ok {
		token, _, _ = strings.Cut(rest, "/")
	}
	p, err = s.find(ctx, kind, slug)
	return p, token, err
}

// embedUser returns the user of an embed session, by whose right a pipe listens
// from now on.
func (s *Server) embedUser(ctx context.Context, token, target string) (*app.User, error) {
	session, err := s.store.EmbedSession(ctx, token, target)
	if err != nil {
		return nil, err
	}
	s.embedListeners.add(session)
	return session.User(), nil
}

// anonymously is to whom the grants of anonymous visitors belong: to all who
// may open the place. A session would not do: a page's frames, loaded at once,
// may each begin one, and the visitor may have another when a pipe connects
// again.
const anonymously = ""

// grantee is to whom a grant for this visitor belongs.
func (v *Visit) grantee() string { return grantee(v.User()) }

func grantee(user *app.User) string {
	if user != nil {
		return "user " + user.Name
	}
	return anonymously
}

func (s *Server) grantMAC(whom, target, channel string) string {
	mac := s.store.MAC("grant", target, channel, whom)
	return base64.RawURLEncoding.EncodeToString(mac[:sha256.Size/2])
}
