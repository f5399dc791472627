package live

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
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

// What is sent. A client of django-plotly-dash reads "label" and "value" of
// "pipe.value", and knows nothing of the rest.
//
//	{"type":"pipe.value","channel_name":c,"label":l,"value":v,"epoch":e,"seq":n}
//	{"type":"pipe.value",...,"uid":u}                              retained, for a pipe that comes after others of its connection and channel; it may have had it
//	{"type":"pipe.subscribed","channel_name":c,"epoch":e,"seq":n}  what comes is after n
//	{"type":"pipe.gap","channel_name":c,"epoch":e,"seq":n}         the same, and something is missing before it
//	{"type":"pipe.refused","channel_name":c}                       not for this visitor
//	{"type":"pipe.restart","after_ms":n}                           the socket is about to close; come back then
//	{"type":"pong"}
//
// What is received, where of a name that stands twice the last counts:
//
//	{"type":"connection_triplet","uid":u,"channel_name":c,"label":l[,"claim":k][,"epoch":e,"seq":n]}
//	    subscribe [by a right] [after what the page has had of the channel]; ignored without one of the first three
//	{"type":"unsubscribe","uid":u}
//	{"type":"ping"}
//	{"channel_name":c,"label":l,"value":v}  with any other type: publish
//
// What is not a JSON object in UTF-8, or has fields of other types, is no
// message.
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

// decode reads a frame, and reports whether it is a message.
func (m *received) decode(frame []byte) bool {
	object := bytes.HasPrefix(bytes.TrimLeft(frame, " \t\r\n"), []byte("{")) // null is none
	return object && utf8.Valid(frame) && json.Unmarshal(frame, m) == nil
}

// What a message without a channel or label is for, as in django-plotly-dash.
const (
	defaultChannel = "UNNAMED_CHANNEL"
	defaultLabel   = "DEFAULT$LABEL"
)

func (m *received) message() Message {
	message := Message{Channel: defaultChannel, Label: defaultLabel, Value: m.Value}
	if m.Channel != nil {
		message.Channel = *m.Channel
	}
	if m.Label != nil {
		message.Label = *m.Label
	}
	return message
}

// position is where a subscription resumes; nil when it does not.
func (m *received) position() *position {
	if m.Epoch == "" {
		return nil
	}
	return &position{m.Epoch, m.Seq}
}

// encoded is a message as it is sent, but for its place in the channel.
type encoded struct {
	label  string
	retain bool
	head   []byte
	value  int // where it begins in head, of which it is the end
}

// maxLabel bounds a label, in bytes.
const maxLabel = 500

// encode checks a message and writes it down. White space is left out: an event
// of a stream is one line.
func (m *Message) encode(maxValue int) (encoded, error) {
	value := m.Value
	if value == nil {
		value = json.RawMessage("null")
	}
	switch {
	case CheckChannel(m.Channel) != nil:
		return encoded{}, ErrChannel
	case len(m.Label) > maxLabel, len(value) > maxValue:
		return encoded{}, ErrTooLong
	case !utf8.Valid(value): // of which a browser would close the socket
		return encoded{}, ErrValue
	}
	e := encoded{label: strings.ToValidUTF8(m.Label, "\uFFFD"), retain: m.Retain}
	b := make([]byte, 0, len(value)+len(m.Channel)+len(m.Label)+128)
	b = append(b, `{"type":"pipe.value","channel_name":`...)
	b = appendJSON(b, m.Channel)
	b = append(b, `,"label":`...)
	b = appendJSON(b, e.label)
	b = append(b, `,"value":`...)
	e.value = len(b)
	text := bytes.NewBuffer(b)
	if json.Compact(text, value) != nil {
		return encoded{}, ErrValue
	}
	e.head = text.Bytes()
	return e, nil
}

// entry gives a message its place. It is called once.
func (m *encoded) entry(epoch string, sequence uint64) entry {
	frame := append(appendPlace(m.head, epoch, sequence), '}')
	return entry{
		sequence: sequence,
		label:    m.label,
		value:    frame[m.value:len(m.head):len(m.head)],
		frame:    frame,
	}
}

// frameFor is the frame for one pipe of a connection.
func (e *entry) frameFor(uid string) []byte {
	b := append(make([]byte, 0, len(e.frame)+len(uid)+16), e.frame[:len(e.frame)-1]...)
	return append(appendJSON(append(b, `,"uid":`...), uid), '}')
}

func appendPlace(b []byte, epoch string, sequence uint64) []byte {
	b = append(b, `,"epoch":`...)
	b = appendJSON(b, epoch)
	b = append(b, `,"seq":`...)
	return strconv.AppendUint(b, sequence, 10)
}

func positionFrame(kind, channel, epoch string, sequence uint64) []byte {
	b := append([]byte(`{"type":"`), kind...)
	b = appendJSON(append(b, `","channel_name":`...), channel)
	return append(appendPlace(b, epoch, sequence), '}')
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
