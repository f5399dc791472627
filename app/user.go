package app

import "slices"

// User is somebody who has signed in. A nil *User is an anonymous visitor; all
// methods take it.
type User struct {
	Name      string
	Groups    []string // sorted
	Superuser bool
}

// SignedIn reports whether the visitor has signed in.
func (u *User) SignedIn() bool { return u != nil }

// In reports whether the user is a member of a group.
func (u *User) In(group string) bool { return u != nil && slices.Contains(u.Groups, group) }

// String returns the user's name, and Django's "AnonymousUser" for a visitor
// without one.
func (u *User) String() string {
	if u == nil {
		return "AnonymousUser"
	}
	return u.Name
}

// Visitor is who makes a call: what a server tells an app of the request's
// user and session. Its methods are safe for concurrent use.
type Visitor interface {
	// User returns who has signed in, or nil.
	User() *User
	SessionValues
}
