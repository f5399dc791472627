package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"dashd/app"
)

// ViewKind says by what a view was counted.
type ViewKind string

// The kinds of views.
const (
	PageView   ViewKind = "page"   // a page of the app
	EmbedView  ViewKind = "embed"  // the app in another page, without a frame
	HealthView ViewKind = "health" // a call of the route for that
)

// What is counted under no name of its own.
const (
	SiteTarget = "site"   // the target of a view of no app's page
	Others     = "others" // the target, or callback, of what goes beyond the bound of a day
)

// Bounds of the rows of one day in each table. What goes beyond them is counted
// as Others; of visitors it is not counted.
const (
	maxDayRows     = 3000
	maxDayVisitors = 100_000
)

// ViewKey is what views are counted by. Target is "app/<slug>",
// "instance/<slug>", [SiteTarget] or [Others]; App is the slug of its app.
type ViewKey struct {
	Day    string   `json:"day"` // of the server's clock: see [Day]
	App    string   `json:"app"`
	Target string   `json:"target"`
	Kind   ViewKind `json:"kind"`
}

// UserKey is what views of those who have signed in are counted by, too.
type UserKey struct {
	Day    string `json:"day"`
	App    string `json:"app"`
	Target string `json:"target"`
	User   string `json:"user"` // "": those beyond the bound of a day
}

// VisitorKey is what visitors are counted by: a target; or without one an app
// with its instances; or without either all of them.
type VisitorKey struct {
	Day    string `json:"day"`
	App    string `json:"app"`
	Target string `json:"target"`
}

// Visitor is one visitor of a day: a hash of what tells him from others.
type Visitor struct {
	VisitorKey
	Hash int64
}

// TimingKind says what was timed.
type TimingKind string

// The kinds of timings.
const (
	CallbackTiming TimingKind = "callback" // a callback, from its call to its end
	FirstTiming    TimingKind = "first"    // from a page to its first callback
)

// TimingKey is what timings are kept by. Name is the callback, or the target of
// the page.
type TimingKey struct {
	Day  string
	Kind TimingKind
	App  string
	Name string
}

// Counts are what has been counted since the last time. Make them with
// [NewCounts].
type Counts struct {
	Views    map[ViewKey]int64
	Users    map[UserKey]int64
	Visitors map[Visitor]struct{}
	Timings  map[TimingKey]*Times

	// OwnUsers says that Users are those of the store. Who has been deleted since
	// is not named.
	OwnUsers bool
}

// NewCounts returns counts of nothing.
func NewCounts() *Counts {
	return &Counts{Views: map[ViewKey]int64{}, Users: map[UserKey]int64{}, Visitors: map[Visitor]struct{}{}, Timings: map[TimingKey]*Times{}}
}

// IsEmpty reports whether nothing has been counted.
func (c *Counts) IsEmpty() bool {
	return len(c.Views) == 0 && len(c.Users) == 0 && len(c.Visitors) == 0 && len(c.Timings) == 0
}

// Day returns the day, of the clock's own time zone, that a time is in, as it is
// written in the database: "2026-11-02".
func Day(t time.Time) string { return t.Format(time.DateOnly) }

// AddCounts adds what has been counted to what the database has, in one
// transaction.
func (s *Store) AddCounts(ctx context.Context, counts *Counts) error {
	if err := s.write(ctx, func(tx *Tx) error { return (&tally{tx, map[tableDay]int{}}).add(counts) }); err != nil {
		return fmt.Errorf("save the analytics: %w", err)
	}
	return nil
}

// tally adds counts to the rows of some days, whose number is bounded.
type tally struct {
	tx   *Tx
	rows map[tableDay]int
}

type tableDay struct{ table, day string }

func (t *tally) add(counts *Counts) error {
	for key, n := range counts.Views {
		if err := t.addViews(key, n); err != nil {
			return err
		}
	}
	for key, n := range counts.Users {
		if counts.OwnUsers && key.User != "" {
			there, err := exists(t.tx, `SELECT 1 FROM users WHERE folded = ? AND name = ?`, foldName(key.User), key.User)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
		}
		if err := t.addUser(key, n); err != nil {
			return err
		}
	}
	for visitor := range counts.Visitors {
		if err := t.addVisitor(visitor); err != nil {
			return err
		}
	}
	for key, times := range counts.Timings {
		if err := t.addTiming(key, times); err != nil {
			return err
		}
	}
	return nil
}

// room reports whether a table has room for one more row of a day, and takes it.
func (t *tally) room(table, day string, limit int) (bool, error) {
	key := tableDay{table, day}
	n, ok := t.rows[key]
	if !ok {
		if err := t.tx.QueryRow(`SELECT count(*) FROM `+table+` WHERE day = ?`, day).Scan(&n); err != nil {
			return false, err
		}
	}
	if n < limit {
		n++
		t.rows[key] = n
		return true, nil
	}
	t.rows[key] = n
	return false, nil
}

// grow adds to a row that is there.
func (t *tally) grow(query string, args ...any) (there bool, err error) {
	result, err := t.tx.Exec(query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (t *tally) addViews(k ViewKey, n int64) error {
	there, err := t.grow(`UPDATE views SET views = views + ? WHERE day = ? AND target = ? AND kind = ?`, n, k.Day, k.Target, string(k.Kind))
	if there || err != nil {
		return err
	}
	if room, err := t.room("views", k.Day, maxDayRows); err != nil {
		return err
	} else if !room {
		k.App, k.Target = "", Others
	}
	_, err = t.tx.Exec(`INSERT INTO views (day, target, kind, app, views) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET views = views + excluded.views`, k.Day, k.Target, string(k.Kind), k.App, n)
	return err
}

func (t *tally) addUser(k UserKey, n int64) error {
	there, err := t.grow(`UPDATE view_users SET views = views + ? WHERE day = ? AND target = ? AND user = ?`, n, k.Day, k.Target, k.User)
	if there || err != nil {
		return err
	}
	if room, err := t.room("view_users", k.Day, maxDayRows); err != nil {
		return err
	} else if !room {
		k.App, k.Target, k.User = "", Others, ""
	}
	_, err = t.tx.Exec(`INSERT INTO view_users (day, target, user, app, views) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET views = views + excluded.views`, k.Day, k.Target, k.User, k.App, n)
	return err
}

func (t *tally) addVisitor(v Visitor) error {
	there, err := exists(t.tx, `SELECT 1 FROM visitors WHERE day = ? AND app = ? AND target = ? AND visitor = ?`, v.Day, v.App, v.Target, v.Hash)
	if there || err != nil {
		return err
	}
	if room, err := t.room("visitors", v.Day, maxDayVisitors); !room || err != nil {
		return err
	}
	_, err = t.tx.Exec(`INSERT INTO visitors (day, app, target, visitor) VALUES (?, ?, ?, ?)`, v.Day, v.App, v.Target, v.Hash)
	return err
}

func (t *tally) addTiming(k TimingKey, times *Times) error {
	sum, there, err := t.timing(k)
	if err != nil {
		return err
	}
	if !there {
		room, err := t.room("timings", k.Day, maxDayRows)
		if err != nil {
			return err
		}
		if !room {
			k.App, k.Name = "", Others
			if sum, _, err = t.timing(k); err != nil {
				return err
			}
		}
	}
	sum.Merge(times)
	spread, err := json.Marshal(sum.Spread)
	if err != nil {
		return err
	}
	_, err = t.tx.Exec(`REPLACE INTO timings (day, kind, app, name, runs, failures, total, longest, spread) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		k.Day, string(k.Kind), k.App, k.Name, sum.Runs, sum.Failures, sum.Total.Microseconds(), sum.Longest.Microseconds(), string(spread))
	return err
}

// timing reads a row of timings.
func (t *tally) timing(k TimingKey) (times Times, there bool, err error) {
	err = times.scan(t.tx.QueryRow(`SELECT runs, failures, total, longest, spread FROM timings WHERE day = ? AND kind = ? AND app = ? AND name = ?`,
		k.Day, string(k.Kind), k.App, k.Name))
	if errors.Is(err, sql.ErrNoRows) {
		return Times{}, false, nil
	}
	return times, true, err
}

// Analytics are what was counted in some days. Each list is in the order of the
// days.
type Analytics struct {
	Views    []Views
	Users    []UserViews
	Visitors []Visitors
	Timings  []Timing
}

// Views are how many views there were.
type Views struct {
	ViewKey
	Views int64 `json:"views"`
}

// UserViews are how many views of a user there were.
type UserViews struct {
	UserKey
	Views int64 `json:"views"`
}

// Visitors are how many visitors there were, each once.
type Visitors struct {
	VisitorKey
	Visitors int64 `json:"visitors"`
}

// Timing is how long something took.
type Timing struct {
	TimingKey
	Times Times
}

// maxAnalytics bounds what one question reads of each table, in rows.
const maxAnalytics = 50_000

// Analytics returns what was counted from a day to another, which is part of it.
// A TooLarge error: that is more than can be read at once.
func (s *Store) Analytics(ctx context.Context, from, to string) (*Analytics, error) {
	a := &Analytics{}
	err := errors.Join(
		s.eachRow(ctx, `SELECT day, app, target, kind, views FROM views WHERE day BETWEEN ? AND ? ORDER BY day, app, target, kind`, from, to, func(rows *sql.Rows) error {
			var v Views
			err := rows.Scan(&v.Day, &v.App, &v.Target, &v.Kind, &v.Views)
			a.Views = append(a.Views, v)
			return err
		}),
		s.eachRow(ctx, `SELECT day, app, target, user, views FROM view_users WHERE day BETWEEN ? AND ? ORDER BY day, app, target, user`, from, to, func(rows *sql.Rows) error {
			var v UserViews
			err := rows.Scan(&v.Day, &v.App, &v.Target, &v.User, &v.Views)
			a.Users = append(a.Users, v)
			return err
		}),
		s.eachRow(ctx, `SELECT day, app, target, sum(n) FROM (
				SELECT day, app, target, visitors AS n FROM visitor_counts
				UNION ALL SELECT day, app, target, count(*) FROM visitors GROUP BY day, app, target)
			WHERE day BETWEEN ? AND ? GROUP BY day, app, target ORDER BY day, app, target`, from, to, func(rows *sql.Rows) error {
			var v Visitors
			err := rows.Scan(&v.Day, &v.App, &v.Target, &v.Visitors)
			a.Visitors = append(a.Visitors, v)
			return err
		}),
		s.eachRow(ctx, `SELECT runs, failures, total, longest, spread, day, kind, app, name FROM timings WHERE day BETWEEN ? AND ? ORDER BY day, kind, app, name`, from, to, func(rows *sql.Rows) error {
			var t Timing
			err := t.Times.scan(rows, &t.Day, &t.Kind, &t.App, &t.Name)
			a.Timings = append(a.Timings, t)
			return err
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("read the analytics: %w", err)
	}
	return a, nil
}

// eachRow calls fn for each row that a query has of some days.
func (s *Store) eachRow(ctx context.Context, query, from, to string, fn func(rows *sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, query+fmt.Sprintf(" LIMIT %d", maxAnalytics+1), from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 1; rows.Next(); n++ {
		if n > maxAnalytics {
			return app.Errorf(app.TooLarge, "Those days have too many counts to be read at once. Ask for fewer days.")
		}
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// countAfter is how long after its end a day's visitors are still told from one
// another: the last of them may not have been written yet.
const countAfter = time.Hour

// sweepAnalytics removes what is older than the analytics are kept, and of the
// visitors of days that are over all but their number.
func (s *Store) sweepAnalytics(tx *Tx) error {
	now := s.Now()
	over, oldest := Day(now.Add(-countAfter)), Day(now.Add(-s.AnalyticsKeep))
	_, err := tx.Exec(`INSERT INTO visitor_counts (day, app, target, visitors)
		SELECT day, app, target, count(*) FROM visitors WHERE day < ? GROUP BY day, app, target
		ON CONFLICT DO UPDATE SET visitors = visitors + excluded.visitors`, over)
	if err != nil {
		return fmt.Errorf("count visitors: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM visitors WHERE day < ?`, over); err != nil {
		return fmt.Errorf("forget visitors: %w", err)
	}
	for _, table := range []string{"views", "view_users", "visitor_counts", "timings"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE day < ?`, oldest); err != nil {
			return fmt.Errorf("remove old analytics: %w", err)
		}
	}
	return nil
}

// steps are the bounds of Times.Spread; the last of its places is for what took
// longer.
var steps = [...]time.Duration{
	1 * time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	1 * time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 20 * time.Second, 60 * time.Second,
}

// Times are how long something took that ran many times.
type Times struct {
	Runs     int64
	Failures int64 // of the runs
	Total    time.Duration
	Longest  time.Duration
	Spread   [len(steps) + 1]int64 // how many took up to 1 ms, how many up to 2, 5, 10 and so on
}

// Add adds a run.
func (t *Times) Add(took time.Duration, failed bool) {
	t.Runs++
	if failed {
		t.Failures++
	}
	t.Total += took
	t.Longest = max(t.Longest, took)
	i := 0
	for i < len(steps) && took > steps[i] {
		i++
	}
	t.Spread[i]++
}

// Merge adds the runs of other times.
func (t *Times) Merge(other *Times) {
	t.Runs += other.Runs
	t.Failures += other.Failures
	t.Total += other.Total
	t.Longest = max(t.Longest, other.Longest)
	for i, n := range other.Spread {
		t.Spread[i] += n
	}
}

// Mean returns how long a run took on average.
func (t *Times) Mean() time.Duration { return t.Total / time.Duration(max(t.Runs, 1)) }

// Quantile returns how long a part of the runs took at most, 0.95 for 95 of a
// hundred. It is as exact as the steps of Spread are.
func (t *Times) Quantile(part float64) time.Duration {
	rank, below := part*float64(t.Runs), 0.0
	for i, n := range t.Spread {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		var from time.Duration
		to := t.Longest
		if i > 0 {
			from = steps[i-1]
		}
		if i < len(steps) {
			to = min(to, steps[i])
		}
		return from + time.Duration((rank-below)/float64(n)*float64(max(to-from, 0)))
	}
	return t.Longest
}

// scan reads times from a row whose columns begin with theirs.
func (t *Times) scan(row interface{ Scan(...any) error }, others ...any) error {
	var total, longest int64
	var spread []byte
	if err := row.Scan(slices.Concat([]any{&t.Runs, &t.Failures, &total, &longest, &spread}, others)...); err != nil {
		return err
	}
	t.Total, t.Longest = time.Duration(total)*time.Microsecond, time.Duration(longest)*time.Microsecond
	if err := json.Unmarshal(spread, &t.Spread); err != nil {
		return fmt.Errorf("read how long things took: %w", err)
	}
	return nil
}
