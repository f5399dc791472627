package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"dashd/app"
	"dashd/live"
)

// pokeRequest is the body of a poke, as in django-plotly-dash, and the
// arguments of the command's.
type pokeRequest struct {
	Channel *string         `json:"channel_name"`
	Label   *string         `json:"label"`
	Value   json.RawMessage `json:"value"`
	Retain  bool            `json:"retain,omitempty"`
}

// What a poke without a channel or a label is for, as in django-plotly-dash.
const (
	defaultChannel = "UNNAMED_CHANNEL"
	defaultLabel   = "DEFAULT$LABEL"
)

func (p *pokeRequest) message() live.Message {
	m := live.Message{Channel: defaultChannel, Label: defaultLabel, Value: p.Value, Retain: p.Retain}
	if p.Channel != nil {
		m.Channel = *p.Channel
	}
	if p.Label != nil {
		m.Label = *p.Label
	}
	if m.Value == nil {
		m.Value = json.RawMessage("null")
	}
	return m
}

// pokeAnswer says what was accepted.
type pokeAnswer struct {
	Channel string `json:"channel_name"`
	Label   string `json:"label"`
	live.Receipt
}

func (s *Server) poke(ctx context.Context, m live.Message) (pokeAnswer, error) {
	receipt, err := s.publish(ctx, m)
	return pokeAnswer{m.Channel, m.Label, receipt}, err
}

// servePoke publishes what a program sends, with a token for the channel. Any
// content type is taken, so that curl -d works.
func (s *Server) servePoke(w http.ResponseWriter, r *http.Request, _ *Visit) error {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		token = ""
	}
	known, err := s.store.Token(r.Context(), strings.TrimSpace(token))
	if err != nil {
		if app.ErrorCode(err) == app.Unauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="dashd"`)
		}
		return err
	}
	if wait := s.pokes.wait(known.ID); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return app.Errorf(app.TooMany, "This token is used more often than %d times in a second; wait a moment.", pokesPerSecond)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(live.DefaultLimits.Message)+4096))
	if err != nil {
		return app.Errorf(app.TooLarge, "The message is too long: a value has at most %d bytes.", live.DefaultLimits.Message)
	}
	var poke pokeRequest
	if err := json.Unmarshal(body, &poke); err != nil || !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return app.Errorf(app.Invalid, `The body is not like {"channel_name": "room", "label": "temperature", "value": 21.5}.`)
	}
	m := poke.message()
	if !known.Covers(m.Channel) || strings.HasPrefix(m.Channel, ownChannels) {
		return app.Errorf(app.Forbidden, "This token is not for that channel.")
	}
	answer, err := s.poke(r.Context(), m)
	if err != nil {
		return err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	s.answerJSON(w, r, http.StatusOK, text)
	return nil
}

// Rate of a token.
const (
	pokesPerSecond = 200
	pokesAtOnce    = 2000
)

// pokeLimits hold the rate of each token. There are few tokens.
type pokeLimits struct {
	mu      sync.Mutex
	byToken map[int64]*rate.Limiter
}

// wait returns 0 and counts a poke, or how long the token has to wait.
func (l *pokeLimits) wait(token int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byToken == nil {
		l.byToken = map[int64]*rate.Limiter{}
	}
	limiter := l.byToken[token]
	if limiter == nil {
		limiter = rate.NewLimiter(pokesPerSecond, pokesAtOnce)
		l.byToken[token] = limiter
	}
	reservation := limiter.Reserve()
	wait := reservation.Delay()
	if wait > 0 {
		reservation.Cancel()
	}
	return wait
}
