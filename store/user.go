package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"dashd/app"
)

// User is somebody who may sign in.
type User struct {
	Name        string
	Superuser   bool
	HasPassword bool     // else nobody can sign in with one
	Groups      []string // sorted
	Created     time.Time
	SignedIn    time.Time // the last time; zero: never
}

const (
	selectUser = `SELECT u.name, u.superuser, u.password <> '', u.created, coalesce(u.signed_in, 0), ` + groupsOfUser + ` FROM users u `

	// groupsOfUser is the names of the groups of user u, with spaces between.
	groupsOfUser = `(SELECT group_concat(g.name, ' ') FROM members m JOIN groups g ON g.id = m."group" WHERE m.user = u.id)`
)

// scanner is a row of a query.
type scanner interface{ Scan(into ...any) error }

func scanUser(row scanner) (u User, err error) {
	var created, signedIn int64
	var groups sql.NullString
	err = row.Scan(&u.Name, &u.Superuser, &u.HasPassword, &created, &signedIn, &groups)
	u.Groups = names(groups)
	u.Created = timeOf(created)
	if signedIn != 0 {
		u.SignedIn = timeOf(signedIn)
	}
	return u, err
}

// names takes group_concat's text of names apart; they have no spaces.
func names(text sql.NullString) []string {
	if !text.Valid {
		return nil
	}
	list := strings.Fields(text.String)
	slices.Sort(list)
	return list
}

// foldName returns what is equal for names that differ in case alone, as
// [strings.EqualFold] sees it.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		first := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			first = min(first, next)
		}
		return first
	}, name)
}

func errNoUser() error { return app.Errorf(app.NotFound, "There is no such user.") }

// Users returns all users by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	users, err := queryAll(ctx, s.read, scanUser, selectUser+`ORDER BY u.folded`)
	if err != nil {
		return nil, fmt.Errorf("list the users: %w", err)
	}
	return users, nil
}

// User returns a user by name. Errors: NotFound.
func (s *Store) User(ctx context.Context, name string) (User, error) {
	u, err := scanUser(s.read.QueryRowContext(ctx, selectUser+`WHERE u.folded = ?`, foldName(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, errNoUser()
	}
	if err != nil {
		return User{}, fmt.Errorf("read the user: %w", err)
	}
	return u, nil
}

// HasUsers reports whether anybody can sign in yet.
func (s *Store) HasUsers(ctx context.Context) (has bool, err error) {
	if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&has); err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	return has, nil
}

// queryAll returns all rows of a query.
func queryAll[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// AddUser adds a user. With the password "" nobody can sign in as the user
// until there is one. Errors: Conflict when the name is taken, whatever its
// case; Invalid for a wrong name or password.
func (s *Store) AddUser(ctx context.Context, name, password string, superuser bool) error {
	var hash string
	if password != "" {
		var err error
		if hash, err = s.newPassword(ctx, password); err != nil {
			return err
		}
	}
	err := s.write(ctx, func(tx *Tx) error { return addUser(tx, name, hash, superuser) })
	if err != nil {
		return fmt.Errorf("add the user: %w", err)
	}
	return nil
}

func errUserTaken() error {
	return app.Errorf(app.Conflict, "There is already a user with this name.")
}

func addUser(tx *Tx, name, hash string, superuser bool) error {
	if err := app.CheckName(name); err != nil {
		return err
	}
	return mustChange(tx, errUserTaken, `INSERT INTO users (name, folded, password, superuser, created) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (folded) DO NOTHING`, name, foldName(name), hash, superuser, tx.now)
}

// newPassword checks a new password and returns its hash.
func (s *Store) newPassword(ctx context.Context, password string) (hash string, err error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	return s.passwords.hash(ctx, password, s.PasswordCost)
}

// SetPassword gives a user another password and ends the user's sessions, but
// not that whose hash is keep; nil ends all. Errors: NotFound, Invalid for a
// wrong password.
func (s *Store) SetPassword(ctx context.Context, name, password string, keep []byte) error {
	hash, err := s.newPassword(ctx, password)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *Tx) error {
		err := mustChange(tx, errNoUser, `UPDATE users SET password = ? WHERE folded = ?`, hash, foldName(name))
		if err != nil {
			return err
		}
		return s.endOfUser(tx, name, keep)
	})
	if err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	return nil
}

// SetSuperuser makes a user a superuser, or not. Errors: NotFound; Conflict for
// the last one.
func (s *Store) SetSuperuser(ctx context.Context, name string, superuser bool) error {
	err := s.write(ctx, func(tx *Tx) error {
		id, user, err := appUser(tx, name)
		if err != nil || user.Superuser == superuser {
			return err
		}
		if _, err := tx.Exec(`UPDATE users SET superuser = ? WHERE id = ?`, superuser, id); err != nil {
			return err
		}
		s.rightsChange(tx, user.Name)
		return keepSuperuser(tx)
	})
	if err != nil {
		return fmt.Errorf("change the superuser: %w", err)
	}
	return nil
}

// DeleteUser removes a user, the user's sessions, and the name from all access
// texts. Errors: NotFound; Conflict for the last superuser.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	err := s.writeAccess(ctx, func(tx *Tx) error {
		id, user, err := appUser(tx, name)
		if err != nil {
			return err
		}
		if err := s.end(tx, `user = ?`, id); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM users WHERE id = ?`, id); err != nil {
			return err
		}
		if user.Superuser {
			if err := keepSuperuser(tx); err != nil {
				return err
			}
		}
		s.rightsChange(tx, user.Name)
		return s.scrub(tx, "user:"+user.Name)
	})
	if err != nil {
		return fmt.Errorf("delete the user: %w", err)
	}
	return nil
}

// appUser returns a user as apps see one, and the id. Errors: NotFound.
func appUser(tx *Tx, name string) (id int64, _ *app.User, err error) {
	var u app.User
	var groups sql.NullString
	err = tx.QueryRow(`SELECT u.id, u.name, u.superuser, `+groupsOfUser+` FROM users u WHERE u.folded = ?`, foldName(name)).
		Scan(&id, &u.Name, &u.Superuser, &groups)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, errNoUser()
	}
	u.Groups = names(groups)
	return id, &u, err
}

// keepSuperuser refuses a transaction after which there is no superuser.
func keepSuperuser(tx *Tx) error {
	has, err := exists(tx, `SELECT 1 FROM users WHERE superuser`)
	if err == nil && !has {
		err = app.Errorf(app.Conflict, "This is the last superuser. Make somebody else one first.")
	}
	return err
}
