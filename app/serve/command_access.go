package serve

import (
	"strings"

	"dashd/app"
)

// Words of the commands for what is not an access of its own.
const (
	inherit = "inherit" // an instance: as its app
	reset   = "reset"   // an app: as its code says
)

// accessText is an access as one word of a command line.
type accessText app.Access

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *accessText) UnmarshalText(text []byte) error {
	access, err := parseAccess(string(text))
	*a = accessText(access)
	return err
}

// accessWords is an access as the last words of a command line; none of them
// ask for the present one.
type accessWords []string

// Validate implements kong's interface.
func (w accessWords) Validate() error {
	if len(w) == 1 && w[0] == reset {
		return nil
	}
	_, err := w.parse()
	return err
}

func (w accessWords) parse() (app.Access, error) { return parseAccess(strings.Join(w, " ")) }

func parseAccess(text string) (app.Access, error) {
	if text == inherit {
		return app.DefaultAccess, nil
	}
	return app.ParseAccess(text)
}

// accessWord writes an access as the commands take it.
func accessWord(access app.Access) string {
	if access == app.DefaultAccess {
		return inherit
	}
	return string(access)
}
