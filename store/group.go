package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dashd/app"
)

// Group is a name for some users, for access texts.
type Group struct {
	Name    string
	Members []string // sorted
	Created time.Time
}

func errNoGroup() error { return app.Errorf(app.NotFound, "There is no such group.") }

func errGroupTaken() error {
	return app.Errorf(app.Conflict, "There is already a group with this name.")
}

// membersOfGroup is the names of the members of group g, with spaces between.
const membersOfGroup = `(SELECT group_concat(u.name, ' ') FROM members m JOIN users u ON u.id = m.user WHERE m."group" = g.id)`

// Groups returns all groups by name.
func (s *Store) Groups(ctx context.Context) ([]Group, error) {
	groups, err := queryAll(ctx, s.read, scanGroup, `SELECT g.name, g.created, `+membersOfGroup+` FROM groups g ORDER BY g.folded`)
	if err != nil {
		return nil, fmt.Errorf("list the groups: %w", err)
	}
	return groups, nil
}

func scanGroup(row scanner) (g Group, err error) {
	var created int64
	var members sql.NullString
	err = row.Scan(&g.Name, &created, &members)
	g.Members, g.Created = names(members), timeOf(created)
	return g, err
}

// AddGroup adds a group without members. Errors: Conflict when the name is
// taken, whatever its case; Invalid for a wrong name.
func (s *Store) AddGroup(ctx context.Context, name string) error {
	if err := app.CheckName(name); err != nil {
		return err
	}
	err := s.write(ctx, func(tx *Tx) error {
		return mustChange(tx, errGroupTaken, `INSERT INTO groups (name, folded, created) VALUES (?, ?, ?)
			ON CONFLICT (folded) DO NOTHING`, name, foldName(name), tx.now)
	})
	if err != nil {
		return fmt.Errorf("add the group: %w", err)
	}
	return nil
}

// DeleteGroup removes a group, and its name from all access texts. Errors:
// NotFound.
func (s *Store) DeleteGroup(ctx context.Context, name string) error {
	err := s.writeAccess(ctx, func(tx *Tx) error {
		var members sql.NullString
		err := tx.QueryRow(`SELECT g.name, `+membersOfGroup+` FROM groups g WHERE g.folded = ?`, foldName(name)).Scan(&name, &members)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoGroup()
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM groups WHERE name = ?`, name); err != nil {
			return err
		}
		s.rightsChange(tx, names(members)...)
		return s.scrub(tx, "group:"+name)
	})
	if err != nil {
		return fmt.Errorf("delete the group: %w", err)
	}
	return nil
}

// AddMember makes a user a member of a group. Errors: NotFound for both.
func (s *Store) AddMember(ctx context.Context, group, user string) error {
	if err := s.changeMember(ctx, group, user, `INSERT INTO members ("group", user) VALUES (?, ?) ON CONFLICT DO NOTHING`); err != nil {
		return fmt.Errorf("add the member: %w", err)
	}
	return nil
}

// RemoveMember ends that a user is a member of a group. Errors: NotFound for
// both.
func (s *Store) RemoveMember(ctx context.Context, group, user string) error {
	if err := s.changeMember(ctx, group, user, `DELETE FROM members WHERE "group" = ? AND user = ?`); err != nil {
		return fmt.Errorf("remove the member: %w", err)
	}
	return nil
}

func (s *Store) changeMember(ctx context.Context, group, user, change string) error {
	return s.write(ctx, func(tx *Tx) error {
		var groupID int64
		err := tx.QueryRow(`SELECT id FROM groups WHERE folded = ?`, foldName(group)).Scan(&groupID)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoGroup()
		}
		if err != nil {
			return err
		}
		userID, u, err := appUser(tx, user)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(change, groupID, userID); err != nil {
			return err
		}
		s.rightsChange(tx, u.Name)
		return nil
	})
}
