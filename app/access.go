package app

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Access says who may open an app or an instance. It is a text, so that it can
// stand in a database and on a command line: "public", "authenticated", or
// "restricted" and those who may: "restricted user:ann group:staff".
// Superusers may open everything.
type Access string

// The levels of access; [Restricted] makes the third.
const (
	DefaultAccess Access = ""              // as the app, or the server's default, says
	Public        Access = "public"        // everybody
	Authenticated Access = "authenticated" // everybody who has signed in
)

const restricted = "restricted"

// Restricted is for those who are named alone: "user:ann", "group:staff".
// Without names it is for superusers.
func Restricted(who ...string) Access {
	return Access(strings.Join(append([]string{restricted}, who...), " "))
}

// ParseAccess reads an access as [Access] describes it. Order and repetition
// of the names do not matter: equal rights give equal texts. A wrong text is
// an Invalid [Error].
func ParseAccess(text string) (Access, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return DefaultAccess, nil
	}
	level, who := words[0], words[1:]
	switch a := Access(level); {
	case (a == Public || a == Authenticated) && len(who) == 0:
		return a, nil
	case level != restricted:
		return "", Errorf(Invalid, "Access %q is not public, authenticated, or restricted user:NAME group:NAME ...", text)
	}
	for _, w := range who {
		kind, name, _ := strings.Cut(w, ":")
		if (kind != "user" && kind != "group") || CheckName(name) != nil {
			return "", Errorf(Invalid, "Access: %q is not like user:ann or group:staff.", w)
		}
	}
	slices.Sort(who)
	return Restricted(slices.Compact(who)...), nil
}

// Allows is the decision who may open what: every view, asset and socket asks
// it. A text that cannot be read, and DefaultAccess, which the caller resolves
// first, allow superusers alone.
func (a Access) Allows(u *User) bool {
	switch {
	case a == Public:
		return true
	case u == nil:
		return false
	case u.Superuser, a == Authenticated:
		return true
	}
	level, who, _ := strings.Cut(string(a), " ")
	if level != restricted {
		return false
	}
	for w := range strings.FieldsSeq(who) {
		kind, name, _ := strings.Cut(w, ":")
		if kind == "user" && name == u.Name || kind == "group" && u.In(name) {
			return true
		}
	}
	return false
}

// The length stands apart: as part of the pattern it makes megabytes of it.
var namePattern = regexp.MustCompile(`^[\p{L}\p{N}_.@+-]+$`)

const longestName = 150

// CheckName returns an Invalid [Error] when name cannot be that of a user or a
// group: letters, digits and @ . + - _, at most 150.
func CheckName(name string) error {
	if utf8.RuneCountInString(name) > longestName || !namePattern.MatchString(name) || strings.Trim(name, ".") == "" { // dots alone mean something else in a path
		return Errorf(Invalid, "A name has 1 to 150 letters, digits and @ . + - _; %q is not one.", name)
	}
	return nil
}
