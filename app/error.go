package app

import (
	"errors"
	"fmt"
)

// Code says what kind of error an [Error] is. A server answers each with its
// own HTTP status.
type Code string

// The codes. What is not an [Error] counts as Internal.
const (
	Invalid      Code = "invalid"      // 400: the request makes no sense
	Unauthorized Code = "unauthorized" // 401: sign in first
	Forbidden    Code = "forbidden"    // 403: not for this visitor
	NotFound     Code = "not_found"    // 404
	Conflict     Code = "conflict"     // 409: it stands against what is there
	Gone         Code = "gone"         // 410: it was here, and is not any more
	TooLarge     Code = "too_large"    // 413
	Unsupported  Code = "unsupported"  // 415: not JSON
	TooMany      Code = "too_many"     // 429: try again later
	Unavailable  Code = "unavailable"  // 503: not at the moment
	TimedOut     Code = "timed_out"    // 504: a callback took too long
	Full         Code = "full"         // 507: the disk has no room for it
	Internal     Code = "internal"     // 500: the text is for the log only
)

// Error is an error that a visitor may read. A callback returns one, made by
// [Errorf], to refuse a call with that code's HTTP status.
type Error struct {
	Code    Code
	Message string // a sentence for the visitor, without his own values
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Errorf makes an [Error].
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ErrorCode returns the code of the first [Error] in err's chain, else Internal.
func ErrorCode(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// ErrPreventUpdate, returned by a callback, leaves the page as it is.
var ErrPreventUpdate = errors.New("prevent update")

// PanicError is what a panic in a callback or a layout function becomes. It is
// an Internal error; Stack is for the log.
type PanicError struct {
	Value any
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }
