package app

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Slugify makes the text for a URL of a name, as Django's slugify does: accents
// are dropped, letters lowered, blanks and hyphens become one hyphen, and all
// but ASCII letters, digits, "-" and "_" goes. Nothing may be left.
func Slugify(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(name) {
		r = unicode.ToLower(r)
		switch {
		case r == '-' || unicode.IsSpace(r):
			gap = true
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'):
			if gap {
				b.WriteByte('-')
				gap = false
			}
			b.WriteRune(r)
		}
	}
	return strings.Trim(b.String(), "-_")
}
