package serve

import "context"

// Check is something that must be right for the server to work, or to be put
// in front of others. See [Config.Checks].
type Check struct {
	// ID names the check in the output: lower-case words with dashes.
	ID string

	// Deploy says that it is for servers that others reach: "check --deploy".
	Deploy bool

	// Run returns what is wrong, or nothing. It does not wait long, and ends with
	// ctx.
	Run func(ctx context.Context, s *Server) []Finding
}

// Severity says how bad a finding is.
type Severity string

// The severities. Only an [Error] makes the command fail.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info" // nothing is wrong; it is good to know
)

// Finding is what a [Check] has found.
type Finding struct {
	Severity Severity `json:"severity"`
	Problem  string   `json:"problem"` // what is wrong, in a sentence
	Fix      string   `json:"fix"`     // what to type or to change
}
