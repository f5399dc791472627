package serve

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// tokenCommands is "token".
type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Make a token and print it, once."`
	List   tokenList   `cmd:"" help:"List the tokens."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
}

// newToken are the arguments of "token/create".
type newToken struct {
	Name     string
	Channels []string
	TTL      time.Duration
}

// tokenRow is a row of "token list".
type tokenRow struct {
	ID       int64      `json:"id"`
	Name     string     `json:"name"`
	Channels []string   `json:"channels"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires"` // null: never
	Used     *time.Time `json:"used"`    // to the minute; null: never
}

// tokenOperations are what the commands ask for.
var tokenOperations = map[string]operation{
	"token/create": operate(func(ctx context.Context, s *Server, args newToken) (string, error) {
		return s.store.CreateToken(ctx, args.Name, args.Channels, args.TTL)
	}),
	"token/list": operate(func(ctx context.Context, s *Server, _ nothing) ([]tokenRow, error) {
		tokens, err := s.store.Tokens(ctx)
		rows := []tokenRow{}
		for _, t := range tokens {
			rows = append(rows, newTokenRow(t))
		}
		return rows, err
	}),
	"token/revoke": operate(func(ctx context.Context, s *Server, id int64) (nothing, error) {
		return nothing{}, s.store.RevokeToken(ctx, id)
	}),
}

func newTokenRow(t store.Token) tokenRow {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return tokenRow{ID: t.ID, Name: t.Name, Channels: t.Channels, Created: t.Created, Expires: known(t.Expires), Used: known(t.Used)}
}

type tokenCreate struct {
	Channels []string `help:"Channels that it is for: names, or patterns such as 'sensors.*'." required:"" placeholder:"PATTERN"`
	Expires  days     `help:"How long it is in force, such as 90d or 12h. Default: for ever." placeholder:"TIME"`
	Name     string   `help:"What it is for." placeholder:"TEXT"`
}

func (c *tokenCreate) Run(ctx context.Context, client *client, console *console) error {
	token, err := call[string](ctx, client, "token/create", newToken{c.Name, c.Channels, time.Duration(c.Expires)})
	if err == nil {
		fmt.Fprintln(console.out, token)
	}
	return err
}

type tokenList struct {
	JSON bool `help:"Print JSON."`
}

func (c *tokenList) Run(ctx context.Context, client *client, console *console) error {
	tokens, err := call[[]tokenRow](ctx, client, "token/list", nothing{})
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(tokens)
	}
	at := func(t *time.Time, never string) string {
		if t == nil {
			return never
		}
		return localTime(*t)
	}
	rows := [][]string{{"ID", "NAME", "CHANNELS", "CREATED", "EXPIRES", "USED"}}
	for _, t := range tokens {
		rows = append(rows, []string{strconv.FormatInt(t.ID, 10), t.Name, strings.Join(t.Channels, " "), localTime(t.Created), at(t.Expires, "never"), at(t.Used, "never")})
	}
	return console.table(rows)
}

type tokenRevoke struct {
	ID int64 `arg:"" help:"Number of the token, as token list prints it."`
}

func (c *tokenRevoke) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "token/revoke", c.ID)
}

// days is a duration that may be written in days: "90d".
type days time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *days) UnmarshalText(text []byte) error {
	if n, ok := strings.CutSuffix(string(text), "d"); ok {
		if count, err := strconv.ParseUint(n, 10, 16); err == nil && count > 0 {
			*d = days(time.Duration(count) * 24 * time.Hour)
			return nil
		}
	}
	duration, err := time.ParseDuration(string(text))
	if err != nil || duration <= 0 {
		return app.Errorf(app.Invalid, "%q is not a time such as 90d or 12h", text)
	}
	*d = days(duration)
	return nil
}

// String writes whole days as such.
func (d days) String() string {
	const day = days(24 * time.Hour)
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return time.Duration(d).String()
}
