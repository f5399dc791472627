package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dashd/app"
	"dashd/live"
)

// pokeOperations are what the command asks for.
var pokeOperations = map[string]operation{
	"poke": operate(func(ctx context.Context, s *Server, args pokeRequest) (pokeAnswer, error) {
		return s.poke(ctx, args.message())
	}),
}

// pokeCommand is "poke".
type pokeCommand struct {
	Channel string `arg:"" help:"Channel to publish to."`
	Label   string `arg:"" help:"Label of the message."`
	Value   string `arg:"" help:"Value: JSON, or else a text. - reads one value from each line of the standard input."`
	Retain  bool   `help:"Give the value to those who come later too."`
	URL     string `help:"Server on another machine, such as https://dash.example.org/. Default: the server that runs on the data directory." placeholder:"URL"`
	Token   string `help:"Token for that server." env:"DASHD_TOKEN" placeholder:"TOKEN"`
	JSON    bool   `help:"Print what was accepted as JSON, one line for each value."`
}

// Run publishes the value, or all that the standard input has.
func (c *pokeCommand) Run(ctx context.Context, config Config, console *console) error {
	poke, err := c.target(config)
	if err != nil {
		return err
	}
	defer poke.client.CloseIdleConnections()
	if c.Value != "-" {
		answer, err := poke.send(ctx, c.request(strings.TrimSpace(c.Value)))
		if err != nil {
			return err
		}
		if c.JSON {
			return console.line(answer)
		}
		fmt.Fprintf(console.out, "sent to %s\n", plural(answer.Listeners, "listener"))
		return nil
	}
	lines := bufio.NewScanner(console.in)
	lines.Buffer(nil, live.DefaultLimits.Message+1)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		answer, err := poke.persist(ctx, c.request(text), console.err)
		if err != nil {
			return err
		}
		if c.JSON {
			if err := console.line(answer); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the standard input: %w", err)
	}
	return nil
}

func (c *pokeCommand) request(value string) pokeRequest {
	return pokeRequest{Channel: &c.Channel, Label: &c.Label, Value: typed(value), Retain: c.Retain}
}

// typed is a value as a person types it: JSON, or else a text.
func typed(value string) json.RawMessage {
	text := json.RawMessage(value)
	if !json.Valid(text) {
		text, _ = json.Marshal(value) // a string always has one
	}
	return text
}

// poker sends pokes to one server.
type poker struct {
	client  *http.Client
	url     string
	token   string
	nowhere string // what to say when nothing answers
}

func (c *pokeCommand) target(config Config) (*poker, error) {
	if c.URL == "" {
		return &poker{
			client: &http.Client{Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialControl(ctx, config.Data) },
			}},
			url:     "http://localhost/poke",
			nowhere: fmt.Sprintf("no server runs on %s: start it with serve, or name another with --url and --token", config.Data),
		}, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("--url %q is not like https://dash.example.org/", c.URL)
	}
	if c.Token == "" {
		return nil, errors.New("a server on another machine needs --token, which dashd token create makes there")
	}
	u = u.JoinPath(DefaultHTTPRoute, "poke/")
	return &poker{client: &http.Client{}, url: u.String(), token: c.Token, nowhere: fmt.Sprintf("no server answers at %s", c.URL)}, nil
}

// errNowhere is the failure to reach a server, which may come back.
var errNowhere = errors.New("no server")

// pokeTimeout bounds one poke.
const pokeTimeout = 15 * time.Second

// send publishes one message.
func (p *poker) send(ctx context.Context, poke pokeRequest) (answer pokeAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, pokeTimeout)
	defer cancel()
	body, err := json.Marshal(poke)
	if err != nil {
		return answer, fmt.Errorf("write the message: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("send the message: %w", err)
	}
	request.Header["Content-Type"] = jsonType
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return answer, fmt.Errorf("%s%w", p.nowhere, silent{errNowhere})
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return answer, fmt.Errorf("read the server's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var failed controlError
		if json.Unmarshal(text, &failed) != nil || failed.Error == "" {
			return answer, fmt.Errorf("the server answers %s", response.Status)
		}
		if response.StatusCode == http.StatusTooManyRequests {
			return answer, app.Errorf(app.TooMany, "%s", failed.Error)
		}
		return answer, errors.New(failed.Error)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("read the server's answer: %w", err)
	}
	return answer, nil
}

// silent is an error to test for that adds nothing to the sentence.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// A sensor goes on while its server restarts, for so long.
const (
	persistence  = time.Minute
	persistPause = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// persist is send for one of many: it waits for a server that restarts, or
// that is told too much.
func (p *poker) persist(ctx context.Context, poke pokeRequest, log io.Writer) (pokeAnswer, error) {
	deadline, told := time.Now().Add(persistence), false
	for pause := persistPause; ; pause = min(2*pause, longestPause) {
		answer, err := p.send(ctx, poke)
		if err == nil || !errors.Is(err, errNowhere) && app.ErrorCode(err) != app.TooMany || time.Now().After(deadline) {
			return answer, err
		}
		if !told {
			fmt.Fprintf(log, "%s; trying again\n", sentence(err))
			told = true
		}
		select {
		case <-ctx.Done():
			return answer, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// line prints a value as one line of JSON.
func (c *console) line(value any) error {
	if err := json.NewEncoder(c.out).Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
