package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/store"
)

func openAnalytics(t *testing.T, path string, now func() time.Time) *store.Store {
	t.Helper()
	s := store.New(path)
	s.Now = now
	s.AnalyticsKeep = 10 * 24 * time.Hour
	must(t, s.Open(t.Context()))
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func noon(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }

// openRaw opens the database of a store beside it.
func openRaw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func viewsOf(day, target string, n int64) *store.Counts {
	counts := store.NewCounts()
	counts.Views[store.ViewKey{Day: day, App: "shirts", Target: target, Kind: store.PageView}] = n
	return counts
}

func analyticsOf(t *testing.T, s *store.Store, from, to string) *store.Analytics {
	t.Helper()
	a, err := s.Analytics(t.Context(), from, to)
	must(t, err)
	return a
}

// What is counted adds up, day by day, and survives the store.
func TestAnalytics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := store.New(path)
	must(t, s.Open(t.Context()))
	const day, next = "2026-11-02", "2026-11-03"
	key := store.ViewKey{Day: day, App: "shirts", Target: "app/shirts", Kind: store.PageView}
	user := store.UserKey{Day: day, App: "shirts", Target: "app/shirts", User: "ann"}
	timing := store.TimingKey{Day: day, Kind: store.CallbackTiming, App: "shirts", Name: "out.children"}
	everybody := store.VisitorKey{Day: day}
	var times store.Times
	for hash := range int64(3) {
		counts := store.NewCounts()
		counts.Views[key] = 2
		counts.Users[user] = 1
		counts.Visitors[store.Visitor{VisitorKey: everybody, Hash: min(hash, 1)}] = struct{}{}
		counts.Timings[timing] = &store.Times{}
		counts.Timings[timing].Add(time.Duration(hash)*time.Second, hash == 0)
		times.Add(time.Duration(hash)*time.Second, hash == 0)
		must(t, s.AddCounts(t.Context(), counts))
	}
	must(t, s.AddCounts(t.Context(), viewsOf(next, "instance/x", 1)))
	must(t, s.Close())

	s = openAnalytics(t, path, time.Now)
	want := &store.Analytics{
		Views:    []store.Views{{ViewKey: key, Views: 6}},
		Users:    []store.UserViews{{UserKey: user, Views: 3}},
		Visitors: []store.Visitors{{VisitorKey: everybody, Visitors: 2}},
		Timings:  []store.Timing{{TimingKey: timing, Times: times}},
	}
	if diff := cmp.Diff(want, analyticsOf(t, s, day, day)); diff != "" {
		t.Error(diff)
	}
	if a := analyticsOf(t, s, day, next); len(a.Views) != 2 || a.Views[1].Target != "instance/x" {
		t.Errorf("two days have %+v", a.Views)
	}
}

// A day has a bounded number of rows; the others are counted together.
func TestAnalyticsBound(t *testing.T) {
	s := openAnalytics(t, "", func() time.Time { return noon(2) })
	const day, bound, targets = "2026-11-02", 3000, 3100
	for _, n := range []int{targets, 100} {
		counts := store.NewCounts()
		for i := range n {
			target := fmt.Sprintf("instance/%d", i)
			counts.Views[store.ViewKey{Day: day, App: "shirts", Target: target, Kind: store.PageView}] = 1
			counts.Users[store.UserKey{Day: day, App: "shirts", Target: target, User: "ann"}] = 1
			counts.Timings[store.TimingKey{Day: day, Kind: store.CallbackTiming, App: "shirts", Name: target}] = &store.Times{Runs: 1}
		}
		must(t, s.AddCounts(t.Context(), counts))
	}
	a := analyticsOf(t, s, day, day)
	var views, others, users, strangers, runs, otherRuns int64
	for _, v := range a.Views {
		if views += v.Views; v.Target == store.Others {
			others += v.Views
		}
	}
	for _, u := range a.Users {
		if users += u.Views; u.User == "" {
			strangers += u.Views
		}
	}
	for _, r := range a.Timings {
		if runs += r.Times.Runs; r.Name == store.Others {
			otherRuns += r.Times.Runs
		}
	}
	for what, got := range map[string][3]int64{
		"views": {int64(len(a.Views)), views, others},
		"users": {int64(len(a.Users)), users, strangers},
		"runs":  {int64(len(a.Timings)), runs, otherRuns},
	} {
		if got[0] != bound+1 || got[1] != targets+100 || got[2] < targets-bound || got[2] > targets-bound+100 {
			t.Errorf("%d rows have %d %s, %d of them of others", got[0], got[1], what, got[2])
		}
	}
}

// When a day is over, only the number of its visitors is kept; and nothing that
// is older than it may be.
func TestAnalyticsSweep(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAnalytics(t, path, c.Now)
	counts := viewsOf("2026-11-02", "app/shirts", 1)
	counts.Users[store.UserKey{Day: "2026-11-02", App: "shirts", Target: "app/shirts", User: "ann"}] = 1
	counts.Timings[store.TimingKey{Day: "2026-11-02", Kind: store.FirstTiming, App: "shirts", Name: "app/shirts"}] = &store.Times{Runs: 1}
	for hash := range int64(5) {
		counts.Visitors[store.Visitor{VisitorKey: store.VisitorKey{Day: "2026-11-02", App: "shirts"}, Hash: hash}] = struct{}{}
	}
	must(t, s.AddCounts(t.Context(), counts))
	db := openRaw(t, path)
	hashes := func() (n int) {
		t.Helper()
		must(t, db.QueryRow("SELECT count(*) FROM visitors").Scan(&n))
		return n
	}
	for _, step := range []struct {
		now            time.Time
		hashes, counts int
		visitors       int64
	}{
		{noon(2), 5, 1, 5},
		{time.Date(2026, 11, 3, 0, 30, 0, 0, time.UTC), 5, 1, 5}, // the last counts of the day may still come
		{time.Date(2026, 11, 3, 1, 0, 0, 0, time.UTC), 0, 1, 5},
		{noon(12), 0, 1, 5},
		{noon(13), 0, 0, 0},
	} {
		c.pass(step.now.Sub(c.Now()))
		must(t, s.Sweep(t.Context()))
		a := analyticsOf(t, s, "2026-11-01", "2026-11-30")
		var visitors int64
		for _, v := range a.Visitors {
			visitors += v.Visitors
		}
		if got := hashes(); got != step.hashes || visitors != step.visitors {
			t.Errorf("at %v there are %d hashes and %d visitors, want %d and %d", step.now, got, visitors, step.hashes, step.visitors)
		}
		if len(a.Views) != step.counts || len(a.Users) != step.counts || len(a.Timings) != step.counts {
			t.Errorf("at %v there are %+v", step.now, a)
		}
	}
}

// Who is deleted is not named by the analytics any more.
func TestAnalyticsOfDeletedUser(t *testing.T) {
	s, _ := openUsers(t)
	counts := store.NewCounts()
	counts.OwnUsers = true
	for _, name := range []string{"ann", "root", ""} { // "": beyond the bound
		counts.Users[store.UserKey{Day: "2026-11-02", App: "shirts", Target: "app/shirts", User: name}] = 1
	}
	must(t, s.AddCounts(t.Context(), counts))
	must(t, s.DeleteUser(t.Context(), "ann"))
	for range 2 { // the second time with what was counted before, but not yet written
		if a := analyticsOf(t, s, "2026-11-02", "2026-11-02"); len(a.Users) != 2 || a.Users[0].User != "" || a.Users[1].User != "root" {
			t.Errorf("the users are %+v", a.Users)
		}
		must(t, s.AddCounts(t.Context(), counts))
	}
	counts.OwnUsers = false
	must(t, s.AddCounts(t.Context(), counts))
	if a := analyticsOf(t, s, "2026-11-02", "2026-11-02"); len(a.Users) != 3 {
		t.Errorf("users of elsewhere are not named: %+v", a.Users)
	}
}

func TestAnalyticsLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAnalytics(t, path, time.Now)
	_, err := openRaw(t, path).Exec(`DROP TABLE views;
		CREATE VIEW views AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50001)
		SELECT '2026-11-02' AS day, '' AS app, '' AS target, '' AS kind, 1 AS views FROM n`)
	must(t, err)
	_, err = s.Analytics(t.Context(), "2026-11-02", "2026-11-02")
	wantCode(t, err, app.TooLarge)
}

func TestTimes(t *testing.T) {
	var times store.Times
	if times.Mean() != 0 || times.Quantile(0.95) != 0 {
		t.Errorf("nothing took %v, %v", times.Mean(), times.Quantile(0.95))
	}
	for ms := range 100 {
		times.Add(time.Duration(ms+1)*time.Millisecond, ms%10 == 0)
	}
	times.Add(2*time.Minute, true)
	if times.Runs != 101 || times.Failures != 11 || times.Longest != 2*time.Minute {
		t.Errorf("%+v", times)
	}
	for part, want := range map[float64][2]time.Duration{
		0.5:  {45 * time.Millisecond, 55 * time.Millisecond},
		0.95: {90 * time.Millisecond, 100 * time.Millisecond},
		1:    {2 * time.Minute, 2 * time.Minute},
	} {
		if got := times.Quantile(part); got < want[0] || got > want[1] {
			t.Errorf("the quantile %v is %v, want %v", part, got, want)
		}
	}
	var one store.Times
	one.Add(300*time.Microsecond, false)
	if got := one.Quantile(0.95); got > 300*time.Microsecond {
		t.Errorf("one run of 300 µs took %v", got)
	}
	merged := one
	merged.Merge(&times)
	if merged.Runs != 102 || merged.Longest != times.Longest || merged.Total != times.Total+one.Total {
		t.Errorf("merged: %+v", merged)
	}
}
