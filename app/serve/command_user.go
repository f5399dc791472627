package serve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// userCommands is "user".
type userCommands struct {
	List      userList      `cmd:"" help:"List the users."`
	Add       userAdd       `cmd:"" help:"Add a user and print the password, where none is given."`
	Passwd    userPasswd    `cmd:"" help:"Give a user another password and print it, where none is given; sign out everywhere."`
	Superuser userSuperuser `cmd:"" help:"Make a user a superuser, or not."`
	Delete    userDelete    `cmd:"" help:"Delete a user."`
	Sessions  userSessions  `cmd:"" help:"List the sessions of a user, or all."`
	SignOut   userSignOut   `cmd:"" help:"Sign a user out everywhere."`
}

// userRow is a row of "user list".
type userRow struct {
	Name      string    `json:"name"`
	Superuser bool      `json:"superuser"`
	Groups    []string  `json:"groups"`
	Created   time.Time `json:"created"`
	SignedIn  time.Time `json:"signed_in,omitzero"` // the last time
}

// sessionRow is a row of "user sessions".
type sessionRow struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`  // "": anonymous
	Agent   string    `json:"agent"` // User-Agent of the browser
	Address string    `json:"address"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`   // the last use, to some minutes
	Values  int       `json:"values"` // how many there are
}

// The arguments of the operations on users.
type (
	addUser struct {
		Name, Password string
		Superuser      bool
		Groups         []string
	}
	setPassword  struct{ Name, Password string }
	setSuperuser struct {
		Name      string
		Superuser bool
	}
)

// userOperations are what the commands ask for.
var userOperations = map[string]operation{
	"user/list": operate(func(ctx context.Context, s *Server, _ nothing) ([]userRow, error) {
		users, err := s.store.Users(ctx)
		if err != nil {
			return nil, err
		}
		rows := []userRow{}
		for _, u := range users {
			rows = append(rows, userRow{u.Name, u.Superuser, append([]string{}, u.Groups...), u.Created, u.SignedIn})
		}
		return rows, nil
	}),
	"user/add": operate(func(ctx context.Context, s *Server, args addUser) (nothing, error) {
		return nothing{}, s.addUser(ctx, args)
	}),
	"user/passwd": operate(func(ctx context.Context, s *Server, args setPassword) (nothing, error) {
		return nothing{}, s.store.SetPassword(ctx, args.Name, args.Password, nil)
	}),
	"user/superuser": operate(func(ctx context.Context, s *Server, args setSuperuser) (nothing, error) {
		return nothing{}, s.store.SetSuperuser(ctx, args.Name, args.Superuser)
	}),
	"user/delete": operate(func(ctx context.Context, s *Server, name string) (nothing, error) {
		if err := s.store.DeleteUser(ctx, name); err != nil {
			return nothing{}, err
		}
		return nothing{}, s.loadAccess(ctx) // it may have named the user
	}),
	"user/sessions": operate(func(ctx context.Context, s *Server, name string) ([]sessionRow, error) {
		if name != "" {
			if _, err := s.store.User(ctx, name); err != nil {
				return nil, err
			}
		}
		sessions, err := s.store.Sessions(ctx, name)
		if err != nil {
			return nil, err
		}
		rows := []sessionRow{}
		for _, v := range sessions {
			rows = append(rows, sessionRow{v.ID, v.User, v.Agent, v.Address, v.Created, v.Seen, v.Values})
		}
		return rows, nil
	}),
	"user/sign-out": operate(func(ctx context.Context, s *Server, name string) (nothing, error) {
		if _, err := s.store.User(ctx, name); err != nil {
			return nothing{}, err
		}
		return nothing{}, s.store.EndSessions(ctx, name, nil)
	}),
}

// addUser adds a user to groups that there are.
func (s *Server) addUser(ctx context.Context, args addUser) error {
	groups, err := s.store.Groups(ctx)
	if err != nil {
		return err
	}
	for _, name := range args.Groups {
		if !slices.ContainsFunc(groups, func(g store.Group) bool { return strings.EqualFold(g.Name, name) }) {
			return app.Errorf(app.NotFound, "There is no group %q. Add it first.", name)
		}
	}
	if err := s.store.AddUser(ctx, args.Name, args.Password, args.Superuser); err != nil {
		return err
	}
	for _, name := range args.Groups {
		if err := s.store.AddMember(ctx, name, args.Name); err != nil {
			return err
		}
	}
	return nil
}

type userList struct {
	JSON bool `help:"Print JSON."`
}

func (c *userList) Run(ctx context.Context, client *client, console *console) error {
	users, err := call[[]userRow](ctx, client, "user/list", nothing{})
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(users)
	}
	rows := [][]string{{"NAME", "SUPERUSER", "GROUPS", "CREATED", "SIGNED IN"}}
	for _, u := range users {
		rows = append(rows, []string{u.Name, onOff(u.Superuser), strings.Join(u.Groups, " "), localTime(u.Created), localTime(u.SignedIn)})
	}
	return console.table(rows)
}

// passwordFlag is the part of a command that gives a user a password.
type passwordFlag struct {
	PasswordStdin bool `help:"Take the password from the first line of the standard input."`
}

// password returns the password that the command line asks for, and whether the
// command has made it up.
func (c passwordFlag) password(console *console) (password string, made bool, err error) {
	if c.PasswordStdin {
		password, err = console.password()
		return password, false, err
	}
	return store.GeneratePassword(), true, nil
}

// show prints a password that was made up; it stands alone on the standard
// output.
func (c passwordFlag) show(console *console, name, password string, made bool) {
	if made {
		fmt.Fprintf(console.err, "The password of %s, which is shown this once:\n", name)
		fmt.Fprintln(console.out, password)
	}
}

type userAdd struct {
	Name         string `arg:""`
	passwordFlag `embed:""`
	Superuser    bool     `help:"Let the user open and administer everything."`
	Group        []string `help:"Make the user a member of a group; more than once for more." placeholder:"GROUP"`
}

func (c *userAdd) Run(ctx context.Context, client *client, console *console) error {
	password, made, err := c.password(console)
	if err != nil {
		return err
	}
	if err := do(ctx, client, "user/add", addUser{c.Name, password, c.Superuser, c.Group}); err != nil {
		return err
	}
	c.show(console, c.Name, password, made)
	return nil
}

type userPasswd struct {
	Name         string `arg:""`
	passwordFlag `embed:""`
}

func (c *userPasswd) Run(ctx context.Context, client *client, console *console) error {
	password, made, err := c.password(console)
	if err != nil {
		return err
	}
	if err := do(ctx, client, "user/passwd", setPassword{c.Name, password}); err != nil {
		return err
	}
	c.show(console, c.Name, password, made)
	return nil
}

type userSuperuser struct {
	Name      string `arg:""`
	Superuser string `arg:"" enum:"on,off" help:"on or off."`
}

func (c *userSuperuser) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "user/superuser", setSuperuser{c.Name, c.Superuser == on})
}

type userDelete struct {
	Name string `arg:""`
	Yes  bool   `help:"Do not ask."`
}

func (c *userDelete) Run(ctx context.Context, client *client, console *console) error {
	if !c.Yes {
		if err := console.confirm(fmt.Sprintf("Delete user %s and sign the user out everywhere?", c.Name)); err != nil {
			return err
		}
	}
	return do(ctx, client, "user/delete", c.Name)
}

type userSessions struct {
	Name string `arg:"" optional:""`
	JSON bool   `help:"Print JSON."`
}

func (c *userSessions) Run(ctx context.Context, client *client, console *console) error {
	sessions, err := call[[]sessionRow](ctx, client, "user/sessions", c.Name)
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(sessions)
	}
	rows := [][]string{{"ID", "USER", "ADDRESS", "CREATED", "SEEN", "VALUES", "AGENT"}}
	for _, v := range sessions {
		rows = append(rows, []string{v.ID, v.User, v.Address, localTime(v.Created), localTime(v.Seen), strconv.Itoa(v.Values), short(v.Agent)})
	}
	return console.table(rows)
}

type userSignOut struct {
	Name string `arg:""`
}

func (c *userSignOut) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "user/sign-out", c.Name)
}
