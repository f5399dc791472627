package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dashd/app"
)

// writeAccess is write for a job that calls scrub: meanwhile nobody loads an
// instance, whose access could be the old one.
func (s *Store) writeAccess(ctx context.Context, fn func(tx *Tx) error) error {
	s.instances.loading.Lock()
	defer s.instances.loading.Unlock()
	return s.write(ctx, fn)
}

// scrub removes "user:ann" or "group:staff" from all access texts, so that
// whoever gets the name next does not inherit. What was restricted stays so.
func (s *Store) scrub(tx *Tx, who string) error {
	for _, table := range []string{"apps", "instances"} {
		texts, err := restrictedTexts(tx, table)
		if err != nil {
			return fmt.Errorf("read who has access: %w", err)
		}
		for slug, text := range texts {
			words := strings.Fields(text)
			kept := slices.DeleteFunc(words, func(w string) bool { return strings.EqualFold(w, who) })
			access := app.Access(strings.Join(kept, " "))
			if string(access) == text {
				continue
			}
			if err := s.putAccess(tx, table, slug, access); err != nil {
				return fmt.Errorf("change who has access: %w", err)
			}
		}
	}
	return nil
}

// putAccess writes the access of an app or an instance.
func (s *Store) putAccess(tx *Tx, table, slug string, access app.Access) error {
	if table == "instances" {
		if i := s.instances.find(slug); i != nil { // it has its access in memory, too
			_, err := i.describe(tx, InstanceChange{Access: &access})
			return err
		}
	}
	_, err := tx.Exec(`UPDATE `+table+` SET access = ? WHERE slug = ?`, string(access), slug)
	return err
}

// restrictedTexts returns the access texts that name somebody, by slug.
func restrictedTexts(tx *Tx, table string) (map[string]string, error) {
	rows, err := tx.Query(`SELECT slug, access FROM ` + table + ` WHERE access LIKE 'restricted %'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	texts := map[string]string{}
	for rows.Next() {
		var slug, text string
		if err := rows.Scan(&slug, &text); err != nil {
			return nil, err
		}
		texts[slug] = text
	}
	return texts, rows.Err()
}
