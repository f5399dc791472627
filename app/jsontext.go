package app

import (
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// A state holds values as the browser's JSON.stringify writes them, so that one
// that the page sends back unchanged is the same text, and gives them to
// django-plotly-dash as Python's json.dumps writes them.

// appendPlain appends valid JSON as JSON.stringify writes it: without blanks,
// with no more escapes than needed. Numbers and the order of keys stay.
func appendPlain(b, text []byte) []byte { return appendRewritten(b, text, false) }

// appendPython appends valid JSON as json.dumps writes it: a blank after "," and
// ":", and ASCII alone.
func appendPython(b, text []byte) []byte { return appendRewritten(b, text, true) }

func appendRewritten(b, text []byte, python bool) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
		case '"':
			c := cursor{text: text, pos: i}
			c.skipString()
			b = appendRewrittenString(b, text[i:c.pos], python)
			i = c.pos
		default:
			b = append(b, c)
			if python && (c == ',' || c == ':') {
				b = append(b, ' ')
			}
			i++
		}
	}
	return b
}

// appendRewrittenString appends a string, quotes included.
func appendRewrittenString(b, s []byte, python bool) []byte {
	if !python && simpleString(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	for s = s[1 : len(s)-1]; len(s) > 0; {
		r, size := utf8.DecodeRune(s)
		if s[0] == '\\' {
			r, size = unescape(s)
		}
		b = appendRune(b, r, python)
		s = s[size:]
	}
	return append(b, '"')
}

// unescape decodes an escape at the beginning of s. A surrogate without its
// other half comes as it is: JSON can carry it, UTF-8 cannot.
func unescape(s []byte) (r rune, size int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = hexRune(s[2:6])
		if utf16.IsSurrogate(r) && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			if both := utf16.DecodeRune(r, hexRune(s[8:12])); both != utf8.RuneError {
				return both, 12
			}
		}
		return r, 6
	}
	return rune(s[1]), 2
}

func hexRune(digits []byte) (r rune) {
	for _, c := range digits {
		r <<= 4
		switch {
		case c >= 'a':
			r |= rune(c - 'a' + 10)
		case c >= 'A':
			r |= rune(c - 'A' + 10)
		default:
			r |= rune(c - '0')
		}
	}
	return r
}

func appendRune(b []byte, r rune, python bool) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r == '\b':
		return append(b, '\\', 'b')
	case r == '\f':
		return append(b, '\\', 'f')
	case r == '\n':
		return append(b, '\\', 'n')
	case r == '\r':
		return append(b, '\\', 'r')
	case r == '\t':
		return append(b, '\\', 't')
	case r < ' ', utf16.IsSurrogate(r), python && r > '~' && r <= 0xffff:
		return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	case python && r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return appendRune(appendRune(b, high, true), low, true)
	}
	return utf8.AppendRune(b, r)
}

// plainString returns the JSON of a string.
func plainString(s string) json.RawMessage { return appendPlain(nil, appendString(nil, s, false)) }
