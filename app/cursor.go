package app

import "encoding/json"

// cursor walks over JSON that is known to be valid (json.Valid), without
// copying. It reads the requests of pages, which come by the thousand, in one
// pass; whatever else is decoded, encoding/json decodes.
type cursor struct {
	text []byte
	pos  int
}

// byte returns the next byte that is no white space, or 0 at the end.
func (c *cursor) byte() byte {
	for c.pos < len(c.text) {
		switch b := c.text[c.pos]; b {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return b
		}
	}
	return 0
}

// enter steps into an object or array and reports whether there is one that
// begins with open.
func (c *cursor) enter(open byte) bool {
	if c.byte() != open {
		return false
	}
	c.pos++
	return true
}

// more reports whether the object or array has a further element, and steps to
// it; else it steps out.
func (c *cursor) more() bool {
	switch c.byte() {
	case '}', ']':
		c.pos++
		return false
	case ',':
		c.pos++
		c.byte()
	case 0:
		return false
	}
	return true
}

// quotedKey returns the key of the next member, a JSON string, and steps to the
// value.
func (c *cursor) quotedKey() []byte {
	key := c.value()
	c.byte()
	c.pos++ // the colon
	return key
}

// value returns the next value and steps over it.
func (c *cursor) value() []byte {
	c.byte()
	start := c.pos
	for depth := 0; c.pos < len(c.text); {
		switch c.text[c.pos] {
		case '"':
			c.skipString()
			if depth == 0 {
				return c.text[start:c.pos]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // of the container: the value was a number or a word
				return c.text[start:c.pos]
			}
			if depth--; depth == 0 {
				c.pos++
				return c.text[start:c.pos]
			}
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return c.text[start:c.pos]
			}
		}
		c.pos++
	}
	return c.text[start:c.pos]
}

func (c *cursor) skipString() {
	for c.pos++; c.pos < len(c.text); c.pos++ {
		switch c.text[c.pos] {
		case '\\':
			c.pos++
		case '"':
			c.pos++
			return
		}
	}
}

// textOf returns the Go string of a valid JSON string.
func textOf(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if simpleString(raw) {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// isText reports whether raw is the JSON of the string s.
func isText(raw []byte, s string) bool {
	if len(raw) == len(s)+2 && raw[0] == '"' && string(raw[1:len(raw)-1]) == s && simpleString(raw) {
		return true
	}
	text, ok := textOf(raw)
	return ok && text == s
}
