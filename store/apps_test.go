package store_test

import (
	"testing"
	"time"

	"dashd/app"
	"dashd/store"

	"github.com/google/go-cmp/cmp"
)

func TestApps(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	ctx := t.Context()
	first := now.Now()
	must(t, s.RecordApps(ctx, []store.App{{Slug: "shirts", Name: "Shirts"}, {Slug: "hats", Name: "Hats"}}))
	create(t, s, store.NewInstance{})
	create(t, s, store.NewInstance{})
	must(t, s.SetAppAccess(ctx, "shirts", new(app.Access("restricted group:b user:a group:b"))))
	must(t, s.SetAppAccess(ctx, "hats", new(app.DefaultAccess)))
	now.pass(time.Hour)
	must(t, s.RecordApps(ctx, []store.App{{Slug: "shirts", Name: "T-Shirts", Access: new(app.Public), Instances: 9}}))
	want := []store.App{
		{Slug: "hats", Name: "Hats", Access: new(app.DefaultAccess), Created: first, Seen: first},
		{Slug: "shirts", Name: "T-Shirts", Access: new(app.Access("restricted group:b user:a")), Created: first, Seen: now.Now(), Instances: 2},
	}
	got, err := s.Apps(ctx)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	must(t, s.SetAppAccess(ctx, "shirts", nil))
	got, err = s.Apps(ctx)
	must(t, err)
	if got[1].Access != nil {
		t.Errorf("the access is %q", *got[1].Access)
	}
	wantCode(t, s.SetAppAccess(ctx, "Shirts", nil), app.NotFound)
	wantCode(t, s.SetAppAccess(ctx, "shirts", new(app.Access("friends"))), app.Invalid)

	wantCode(t, s.ForgetApp(ctx, "shirts"), app.Conflict)
	wantCode(t, s.ForgetApp(ctx, "nothing"), app.NotFound)
	must(t, s.ForgetApp(ctx, "hats"))
	must(t, s.DeleteInstance(ctx, "shirts-1"))
	must(t, s.DeleteInstance(ctx, "shirts-2"))
	must(t, s.ForgetApp(ctx, "shirts"))
	if got, err = s.Apps(ctx); len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}
