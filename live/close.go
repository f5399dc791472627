package live

// Code is why a connection was closed: a websocket close code. A client comes
// back after those below 3500, but for the ones of RFC 6455 that call it wrong.
type Code int

// The codes that a hub closes connections with.
const (
	CloseRestart Code = 1012 // the server restarts: come back
	CloseFull    Code = 1013 // too many listeners: come back later
	CloseWrong   Code = 1007 // the client sent no JSON object
	CloseBinary  Code = 1003 // the client sent a binary frame
	CloseAbuse   Code = 1008 // the client sends too much
	CloseSlow    Code = 3008 // too slow: come back and resume
	CloseRights  Code = 3001 // the session's rights have changed: come back with those
	CloseIdle    Code = 3002 // nothing came from the client for too long: come back
)

func (c Code) reason() string {
	switch c {
	case CloseRestart:
		return "the server restarts"
	case CloseFull:
		return "too many listeners"
	case CloseWrong:
		return "not a JSON object"
	case CloseBinary:
		return "text only"
	case CloseAbuse:
		return "too many messages"
	case CloseSlow:
		return "too slow"
	case CloseRights:
		return "the rights have changed"
	case CloseIdle:
		return "idle"
	}
	return ""
}
