package serve

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"dashd/app"
	"dashd/store"
)

// appCommands is "app".
type appCommands struct {
	List   appList   `cmd:"" help:"List the apps that this program has or had."`
	Check  appCheck  `cmd:"" help:"Check the apps, without a server."`
	Access appAccess `cmd:"" help:"Print or change who may open an app."`
	Forget appForget `cmd:"" help:"Forget an app that is gone."`
}

// appRow is a row of "app list".
type appRow struct {
	Slug       string     `json:"slug"`
	Name       string     `json:"name"`
	Title      string     `json:"title"`       // the name, when the app is gone
	Present    bool       `json:"present"`     // false: gone from this program
	Access     app.Access `json:"access"`      // who may open it
	AccessFrom string     `json:"access_from"` // set, code or default; "" when that is gone with the app
	Instances  int        `json:"instances"`
	Created    time.Time  `json:"created"` // when it was first served
	Seen       time.Time  `json:"seen"`    // the last start of a program that had it
}

// setAppAccess are the arguments of "app/set-access"; a nil Access takes back
// what was set.
type setAppAccess struct {
	App    string
	Access *app.Access
}

// appOperations are what the commands ask for.
var appOperations = map[string]operation{
	"app/list": operate(func(ctx context.Context, s *Server, _ nothing) ([]appRow, error) {
		apps, err := s.store.Apps(ctx)
		if err != nil {
			return nil, err
		}
		rows := []appRow{}
		for _, a := range apps {
			rows = append(rows, s.appRow(a))
		}
		return rows, nil
	}),
	"app/show": operate(func(ctx context.Context, s *Server, name string) (appRow, error) {
		apps, err := s.store.Apps(ctx)
		if err != nil {
			return appRow{}, err
		}
		for _, a := range apps {
			if a.Slug == s.appSlug(name) {
				return s.appRow(a), nil
			}
		}
		return appRow{}, errNoApp
	}),
	"app/set-access": operate(func(ctx context.Context, s *Server, args setAppAccess) (nothing, error) {
		if err := s.store.SetAppAccess(ctx, s.appSlug(args.App), args.Access); err != nil {
			return nothing{}, err
		}
		return nothing{}, s.loadAccess(ctx)
	}),
	"app/forget": operate(func(ctx context.Context, s *Server, name string) (nothing, error) {
		if m := s.byName[name]; m != nil {
			return nothing{}, app.Errorf(app.Conflict, "This program has the app %s; only apps that are gone can be forgotten.", m.app.Slug())
		}
		return nothing{}, s.store.ForgetApp(ctx, name)
	}),
}

// appSlug returns the slug of an app that a command names by it or by name; one
// that is gone is known by its slug alone.
func (s *Server) appSlug(name string) string {
	if m := s.byName[name]; m != nil {
		return m.app.Slug()
	}
	return name
}

func (s *Server) appRow(a store.App) appRow {
	row := appRow{Slug: a.Slug, Name: a.Name, Title: a.Name, Instances: a.Instances, Created: a.Created, Seen: a.Seen}
	m := s.bySlug[a.Slug]
	switch {
	case a.Access != nil:
		row.Access, row.AccessFrom = *a.Access, "set"
	case m == nil:
	case m.code != app.DefaultAccess:
		row.AccessFrom = "code"
	default:
		row.AccessFrom = "default"
	}
	if m != nil {
		row.Present, row.Title, row.Access = true, m.page.Title, s.appAccess(m)
	}
	return row
}

type appList struct {
	JSON bool `help:"Print JSON."`
}

func (c *appList) Run(ctx context.Context, client *client, console *console) error {
	apps, err := call[[]appRow](ctx, client, "app/list", nothing{})
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(apps)
	}
	rows := [][]string{{"SLUG", "TITLE", "ACCESS", "FROM", "INSTANCES", "STATE", "CREATED", "SEEN"}}
	for _, a := range apps {
		state := "here"
		if !a.Present {
			state = "gone"
		}
		rows = append(rows, []string{a.Slug, a.Title, string(a.Access), a.AccessFrom, strconv.Itoa(a.Instances), state, localTime(a.Created), localTime(a.Seen)})
	}
	return console.table(rows)
}

type appCheck struct {
	App string `arg:"" optional:"" help:"Name or slug of the app. Default: all."`
}

func (c *appCheck) Run(config Config, console *console) error {
	if err := app.Validate(config.Apps...); err != nil && c.App == "" {
		return fmt.Errorf("these apps cannot be served:\n%w", err)
	}
	checked := 0
	for _, a := range config.Apps {
		if c.App != "" && c.App != a.Name() && c.App != a.Slug() {
			continue
		}
		if err := app.Validate(a); err != nil {
			return fmt.Errorf("this app cannot be served:\n%w", err)
		}
		checked++
		fmt.Fprintf(console.out, "%s: ok\n", a.Slug())
	}
	if checked == 0 && c.App != "" {
		return errNoApp
	}
	return nil
}

type appAccess struct {
	App    string      `arg:"" help:"Name or slug of the app."`
	Access accessWords `arg:"" optional:"" help:"public, authenticated, restricted user:NAME group:NAME ..., or reset, which is what the app's code says."`
}

func (c *appAccess) Run(ctx context.Context, client *client, console *console) error {
	if len(c.Access) == 0 {
		a, err := call[appRow](ctx, client, "app/show", c.App)
		if err != nil {
			return err
		}
		if a.AccessFrom == "" {
			return fmt.Errorf("the app %s is gone from this program, and with it who may open it", a.Slug)
		}
		fmt.Fprintln(console.out, a.Access)
		return nil
	}
	args := setAppAccess{App: c.App}
	if c.Access[0] != reset {
		access, err := c.Access.parse()
		if err != nil {
			return err
		}
		args.Access = &access
	}
	return do(ctx, client, "app/set-access", args)
}

type appForget struct {
	App string `arg:"" help:"Slug of the app."`
}

func (c *appForget) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "app/forget", c.App)
}
