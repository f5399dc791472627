package app

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Values that a state holds come from browsers, from files and from the command
// line, and go to the pages of others. They are data: this file says what is
// not.

// maxValueDepth bounds the nesting of a value in a state.
const maxValueDepth = 100

// CheckValue returns an Invalid [Error] when value cannot be that of a property
// in a state: JSON, at most 100 levels deep, that holds
//
//   - no component, which is an object with "type", "namespace" and "props";
//   - no key "__proto__", "constructor" or "prototype";
//   - no script URL (javascript:, vbscript:, data:text/html) as the property's
//     value, or at any depth below a key, that the browser takes for a URL,
//     such as href.
func CheckValue(property string, value json.RawMessage) error {
	if problem := checkedValue(property, value); problem != "" {
		return Errorf(Invalid, "The value of %s %s.", property, problem)
	}
	return nil
}

// checkedValue is valueProblem for what may not be JSON.
func checkedValue(property string, value json.RawMessage) (problem string) {
	if !json.Valid(value) {
		return "is not valid JSON"
	}
	return valueProblem(property, value, dataOnly)
}

// What valueProblem permits.
const (
	dataOnly       = false
	withComponents = true // those of an app's own answers
)

// valueProblem says why a valid JSON value cannot be in a state, or "".
func valueProblem(property string, value []byte, components bool) string {
	return valueProblemAt(&cursor{text: value}, 1, urlProperties[property], components)
}

// valueProblemAt is valueProblem for the next value of c. url says that a
// string there is taken for a URL.
func valueProblemAt(c *cursor, depth int, url, components bool) (problem string) {
	switch c.byte() {
	case '"':
		if raw := c.value(); url {
			if text, _ := textOf(raw); isScriptURL(text) {
				return "is the URL of a script"
			}
		}
	case '[':
		if depth > maxValueDepth {
			return "is nested too deep"
		}
		for c.enter('['); c.more(); {
			if problem := valueProblemAt(c, depth+1, url, components); problem != "" {
				return problem
			}
		}
	case '{':
		if depth > maxValueDepth {
			return "is nested too deep"
		}
		marks := 0 // of a component
		for c.enter('{'); c.more(); {
			key := c.quotedKey()
			name := key[1 : len(key)-1]
			if !simpleString(key) {
				text, _ := textOf(key)
				name = []byte(text)
			}
			switch string(name) {
			case "type":
				marks |= 1
			case "namespace":
				marks |= 2
			case "props":
				marks |= 4
			}
			if isDangerous(string(name)) {
				return "has the key " + string(name) + ", which is a danger in JavaScript"
			}
			if problem := valueProblemAt(c, depth+1, urlProperties[string(name)], components); problem != "" {
				return problem
			}
		}
		if marks == 7 && !components {
			return "holds a component, which only an Output can"
		}
	default:
		c.value()
	}
	return ""
}

// isDangerous reports whether a name leads to what all objects of a page share.
func isDangerous(name string) bool {
	return name == "__proto__" || name == "constructor" || name == "prototype"
}

// urlProperties are those of components, and of HTML in general, that a browser
// follows.
var urlProperties = map[string]bool{
	"action": true, "background": true, "brand_href": true, "cite": true, "classid": true, "codebase": true,
	"data": true, "formAction": true, "formaction": true, "href": true, "icon": true, "logout_url": true,
	"longdesc": true, "manifest": true, "ping": true, "plotlyServerURL": true, "poster": true, "profile": true,
	"refresh_path": true, "src": true, "srcSet": true, "srcset": true, "url": true,
	"xlinkHref": true, "xlink:href": true,
}

// isScriptURL reports whether a browser runs a URL as a script, or shows it as a
// page of its own making. Browsers pass over blanks and control characters.
func isScriptURL(url string) bool {
	bare := func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToLower(r)
	}
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok {
		return false
	}
	switch strings.Map(bare, scheme) {
	case "javascript", "vbscript":
		return true
	case "data":
		media, _, _ := strings.Cut(rest, ",")
		media, _, _ = strings.Cut(strings.Map(bare, media), ";")
		switch media {
		case "text/html", "text/xml", "application/xml", "application/xhtml+xml":
			return true
		}
	}
	return false
}
