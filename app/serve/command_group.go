package serve

import (
	"context"
	"strings"
	"time"
)

// groupCommands is "group".
type groupCommands struct {
	List         groupList         `cmd:"" help:"List the groups and their members."`
	Add          groupAdd          `cmd:"" help:"Add a group."`
	Delete       groupDelete       `cmd:"" help:"Delete a group. Its members stay users."`
	AddMember    groupAddMember    `cmd:"" help:"Make a user a member of a group."`
	RemoveMember groupRemoveMember `cmd:"" help:"Take a user out of a group."`
}

// groupRow is a row of "group list".
type groupRow struct {
	Name    string    `json:"name"`
	Members []string  `json:"members"`
	Created time.Time `json:"created"`
}

// member is the arguments of the operations on members.
type member struct{ Group, User string }

// groupOperations are what the commands ask for.
var groupOperations = map[string]operation{
	"group/list": operate(func(ctx context.Context, s *Server, _ nothing) ([]groupRow, error) {
		groups, err := s.store.Groups(ctx)
		if err != nil {
			return nil, err
		}
		rows := []groupRow{}
		for _, g := range groups {
			rows = append(rows, groupRow{g.Name, append([]string{}, g.Members...), g.Created})
		}
		return rows, nil
	}),
	"group/add": operate(func(ctx context.Context, s *Server, name string) (nothing, error) {
		return nothing{}, s.store.AddGroup(ctx, name)
	}),
	"group/delete": operate(func(ctx context.Context, s *Server, name string) (nothing, error) {
		if err := s.store.DeleteGroup(ctx, name); err != nil {
			return nothing{}, err
		}
		return nothing{}, s.loadAccess(ctx) // it may have named the group
	}),
	"group/add-member": operate(func(ctx context.Context, s *Server, args member) (nothing, error) {
		return nothing{}, s.store.AddMember(ctx, args.Group, args.User)
	}),
	"group/remove-member": operate(func(ctx context.Context, s *Server, args member) (nothing, error) {
		return nothing{}, s.store.RemoveMember(ctx, args.Group, args.User)
	}),
}

type groupList struct {
	JSON bool `help:"Print JSON."`
}

func (c *groupList) Run(ctx context.Context, client *client, console *console) error {
	groups, err := call[[]groupRow](ctx, client, "group/list", nothing{})
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(groups)
	}
	rows := [][]string{{"NAME", "CREATED", "MEMBERS"}}
	for _, g := range groups {
		rows = append(rows, []string{g.Name, localTime(g.Created), strings.Join(g.Members, " ")})
	}
	return console.table(rows)
}

type groupAdd struct {
	Name string `arg:""`
}

func (c *groupAdd) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "group/add", c.Name)
}

type groupDelete struct {
	Name string `arg:""`
}

func (c *groupDelete) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "group/delete", c.Name)
}

type groupAddMember struct {
	Group string `arg:""`
	User  string `arg:""`
}

func (c *groupAddMember) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "group/add-member", member{c.Group, c.User})
}

type groupRemoveMember struct {
	Group string `arg:""`
	User  string `arg:""`
}

func (c *groupRemoveMember) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "group/remove-member", member{c.Group, c.User})
}
