package store_test

import (
	"path/filepath"
	"testing"

	"dashd/app"
	"dashd/store"
)

// Who gets the name of a deleted user or group does not inherit.
func TestDeletedNamesLoseAccess(t *testing.T) {
	tests := []struct{ before, after app.Access }{
		{app.Restricted("user:ann"), app.Restricted()},
		{app.Restricted("user:Ann", "group:STAFF", "user:ben"), app.Restricted("user:ben")},
		{app.Restricted("group:ann", "user:annika", "user:staff"), app.Restricted("group:ann", "user:annika", "user:staff")},
		{app.Public, app.Public},
		{app.Authenticated, app.Authenticated},
		{app.DefaultAccess, app.DefaultAccess},
	}
	for _, test := range tests {
		t.Run(string(test.before), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dashd.db")
			s := openAt(t, path)
			must(t, s.AddUser(t.Context(), "ann", "", false))
			must(t, s.AddGroup(t.Context(), "staff"))
			must(t, s.SetAppAccess(t.Context(), "shirts", &test.before))
			held := instance(t, s, create(t, s, store.NewInstance{Slug: "held", Access: test.before}).Slug)
			create(t, s, store.NewInstance{Slug: "stored", Access: test.before})

			must(t, s.DeleteUser(t.Context(), "Ann"))
			must(t, s.DeleteGroup(t.Context(), "Staff"))
			if got := held.Instance().Access; got != test.after {
				t.Errorf("an instance in memory has %q", got)
			}
			must(t, s.Close())

			s = openAt(t, path)
			for _, slug := range []string{"held", "stored"} {
				if got := instance(t, s, slug).Instance().Access; got != test.after {
					t.Errorf("instance %s has %q", slug, got)
				}
			}
			apps, err := s.Apps(t.Context())
			if err != nil || *apps[0].Access != test.after {
				t.Errorf("the app has %q, %v", *apps[0].Access, err)
			}
		})
	}
}
