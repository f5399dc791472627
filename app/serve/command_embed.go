package serve

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// embedCommands is "embed".
type embedCommands struct {
	Create embedCreate `cmd:"" help:"Print an address of an app for a page of another site, with a token that is good for one load."`
}

// newEmbed are the arguments of "embed/create".
type newEmbed struct {
	Target string
	User   string
	TTL    time.Duration
}

// embedOperations are what the commands ask for.
var embedOperations = map[string]operation{
	"embed/create": operate(func(ctx context.Context, s *Server, args newEmbed) (string, error) {
		return s.EmbedToken(ctx, args.Target, args.User, args.TTL)
	}),
}

type embedCreate struct {
	Target string        `arg:"" help:"APP, or instance/SLUG."`
	User   string        `help:"Who the visitor is. Default: nobody, which public apps take." placeholder:"NAME"`
	TTL    time.Duration `help:"How long the address waits for its load, at most an hour. Default: ${embed_ttl}." placeholder:"TIME"`
}

func (c *embedCreate) Run(ctx context.Context, client *client, console *console) error {
	target := c.Target
	if !strings.Contains(target, "/") {
		target = kindApp + "/" + target
	}
	address, err := call[string](ctx, client, "embed/create", newEmbed{target, c.User, c.TTL})
	if err == nil {
		fmt.Fprintln(console.out, address)
	}
	return err
}
