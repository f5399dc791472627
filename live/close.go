package live

// Code is why a connection was closed: a websocket close code. A client comes
// back after those of 3000 and more, 1012 and 1013; the others call it wrong.
type Code int

// The codes that a hub closes connections with.
const (
	CloseProtocol Code = 1002 // the client broke the websocket protocol
	CloseBinary   Code = 1003 // the client sent a binary frame
	CloseWrong    Code = 1007 // the client sent what is no message
	CloseAbuse    Code = 1008 // the client sends too often
	CloseLong     Code = 1009 // the client sent more than Limits.Frame at once
	CloseRestart  Code = 1012 // the server restarts: come back and resume
	CloseFull     Code = 1013 // too many listeners: come back later
	CloseRights   Code = 3001 // the session's rights have changed: come back with those
	CloseIdle     Code = 3002 // nothing came from the client for too long: come back
	CloseSlow     Code = 3008 // too slow: come back and resume
)

func (c Code) reason() string {
	switch c {
	case CloseProtocol:
		return "against the protocol"
	case CloseBinary:
		return "text only"
	case CloseWrong:
		return "not a message"
	case CloseAbuse:
		return "too many messages"
	case CloseLong:
		return "too long"
	case CloseRestart:
		return "the server restarts"
	case CloseFull:
		return "too many listeners"
	case CloseRights:
		return "the rights have changed"
	case CloseIdle:
		return "idle"
	case CloseSlow:
		return "too slow"
	}
	return ""
}
