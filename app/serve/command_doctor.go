package serve

import (
	"context"
	"errors"
	"strings"
)

// doctorCommand is "doctor".
type doctorCommand struct {
	checkReport `embed:""`

	URL   string `help:"The site with its base path, such as https://dash.example.org/. Default: what --public-url and --base-path say." placeholder:"URL"`
	Token string `help:"Token for the metrics, to try whether it lets read them. Default, without --url: that of the settings." placeholder:"TOKEN"`
}

// Run tries the site.
func (c *doctorCommand) Run(ctx context.Context, config Config, console *console) error {
	config, err := config.withDefaults()
	if err != nil {
		return err
	}
	url, token := c.URL, c.Token
	switch {
	case url != "": // the token of the configuration may be for another site
	case config.PublicURL == "":
		return errors.New("it is not known where the site is: give --url https://dash.example.org/")
	default:
		url = strings.TrimSuffix(config.PublicURL, "/") + config.BasePath
		if token == "" {
			token = config.MetricsToken
		}
	}
	d, err := newDoctor(url, token, config.WSRoute)
	if err != nil {
		return err
	}
	return c.print(console, d.examine(ctx))
}
