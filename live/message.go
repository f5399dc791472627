package live

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"
)

// Message is a value for the listeners of a channel. The label tells them apart
// there.
type Message struct {
	Channel string
	Label   string
	Value   json.RawMessage // nil: null

	// Retain gives the value to those who come later too, until the next of
	// its channel and label.
	Retain bool
}

func (m *Message) check(maxValue int) error {
	if err := CheckChannel(m.Channel); err != nil {
		return err
	}
	if len(m.Label) > maxLabel || len(m.Value) > maxValue {
		return ErrTooLong
	}
	if m.Value != nil && !json.Valid(m.Value) {
		return ErrValue
	}
	return nil
}

// What is sent. A client of django-plotly-dash reads "label" and "value" of
// "pipe.value", and knows nothing of the rest.
//
//	{"type":"pipe.value","channel_name":c,"label":l,"value":v,"epoch":e,"seq":n}
//	{"type":"pipe.subscribed","channel_name":c,"epoch":e,"seq":n}  what comes is after n
//	{"type":"pipe.gap","channel_name":c,"epoch":e,"seq":n}         the same, and something is missing before it
//	{"type":"pipe.refused","channel_name":c}                       not for this visitor
//	{"type":"pipe.restart","after_ms":n}                           the socket is about to close; come back then
//	{"type":"pong"}
//
// What is received:
//
//	{"type":"connection_triplet","uid":u,"channel_name":c,"label":l[,"claim":k][,"epoch":e,"seq":n]}
//	    subscribe [by a right] [from there on]
//	{"type":"unsubscribe","uid":u}
//	{"type":"ping"}
//	{"channel_name":c,"label":l,"value":v}  with any other type: publish
type received struct {
	Type    string          `json:"type"`
	UID     string          `json:"uid"`
	Channel *string         `json:"channel_name"`
	Label   *string         `json:"label"`
	Value   json.RawMessage `json:"value"`
	Claim   string          `json:"claim"`
	Epoch   string          `json:"epoch"`
	Seq     uint64          `json:"seq"`
}

// What a message without a channel or label is for, as in django-plotly-dash.
const (
	defaultChannel = "UNNAMED_CHANNEL"
	defaultLabel   = "DEFAULT$LABEL"
)

// head is a message's text up to where its place stands.
func (m *Message) head() []byte {
	b := make([]byte, 0, len(m.Value)+len(m.Channel)+len(m.Label)+128)
	b = append(b, `{"type":"pipe.value","channel_name":`...)
	b = appendJSON(b, m.Channel)
	b = append(b, `,"label":`...)
	b = appendJSON(b, m.Label)
	b = append(b, `,"value":`...)
	if m.Value == nil {
		return append(b, "null"...)
	}
	return append(b, m.Value...)
}

func tail(b []byte, epoch string, sequence uint64) []byte {
	b = append(b, `,"epoch":`...)
	b = appendJSON(b, epoch)
	b = append(b, `,"seq":`...)
	return append(strconv.AppendUint(b, sequence, 10), '}')
}

func positionFrame(kind string, c *channel, sequence uint64) []byte {
	b := append([]byte(`{"type":"`), kind...)
	b = appendJSON(append(b, `","channel_name":`...), c.name)
	return tail(b, c.epoch, sequence)
}

func refusedFrame(channel string) []byte {
	return append(appendJSON([]byte(`{"type":"pipe.refused","channel_name":`), channel), '}')
}

var pongFrame = []byte(`{"type":"pong"}`)

// restartSpread is the time over which listeners come back after a restart, so
// that they do not all come at once.
const restartSpread = 2 * time.Second

func restartFrame() []byte {
	after := rand.N(restartSpread).Milliseconds()
	return append(strconv.AppendInt([]byte(`{"type":"pipe.restart","after_ms":`), after, 10), '}')
}

func appendJSON(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has one
	return append(b, text...)
}
