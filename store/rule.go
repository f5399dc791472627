package store

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"time"

	"dashd/app"
)

// aMomentAgo is how long a request may be overtaken on its way by a younger
// one of the same page.
const aMomentAgo = 5 * time.Second

// standing is what the write rule asks of a saved property, from the side of
// the page that wants to write it. Numbers are readings of the instance's
// clock.
type standing struct {
	revision  int64 // when the request arrived that wrote it, or last said the same
	written   int64 // when that was written
	own       bool  // by this page
	known     int64 // up to when this page knows what was written
	announced bool  // this page said a moment ago that it has changed
}

// mayWrite is the write rule of [app.Write] for a tracked property and another
// value.
func mayWrite(origin app.Origin, arrival int64, s standing) bool {
	switch {
	case arrival < s.revision:
		return false
	case origin != app.Carried:
		return true
	case s.announced:
		return false
	}
	return s.own || s.known >= s.written
}

// sameValue reports whether two values are the same JSON. A value that is not
// set equals no other.
func sameValue(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if bytes.Equal(a, b) {
		return true
	}
	a, b = bytes.TrimSpace(a), bytes.TrimSpace(b)
	if kind(a) != kind(b) {
		return false
	}
	switch kind(a) { // most values need no decoding
	case '0':
		return sameNumber(string(a), string(b))
	case '"':
		if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
			return bytes.Equal(a, b)
		}
	}
	x, okX := decode(a)
	y, okY := decode(b)
	return okX && okY && sameDecoded(x, y)
}

// kind tells the JSON types apart by the first byte.
func kind(value json.RawMessage) byte {
	if len(value) == 0 {
		return 0
	}
	if c := value[0]; c != '-' && (c < '0' || c > '9') {
		return c
	}
	return '0'
}

func decode(value json.RawMessage) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

func sameDecoded(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, ok := b[key]; !ok || !sameDecoded(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameDecoded(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(string(a), string(b))
	}
	return reflect.DeepEqual(a, b)
}

// sameNumber takes 1, 1.0 and 1e0 for equal. Where a float64 no longer tells
// integers apart, the texts decide.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	const exact = 1 << 53
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y && -exact < x && x < exact
}
