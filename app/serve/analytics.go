package serve

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"dashd/app"
	"dashd/store"
)

// The analytics tell the operator what is used, by whom, and what is slow. They
// are counted in memory and written once in a while, for the sake of SD cards:
// a crash loses what was counted since then. Nothing leaves this machine.

// analyticsEvery is how often the analytics are written.
const analyticsEvery = 5 * time.Minute

// Bounds of what is counted between two writes, and of the pages whose first
// callback is awaited.
const (
	maxCountedViews    = 2000
	maxCountedVisitors = 20_000
	maxAwaited         = 4096
)

// longestFirst is how long a page may take to its first callback: what comes
// later is because the visitor did something.
const longestFirst = time.Minute

// healthTime is the time after the load of a page in which its call of the
// health route is no further view.
const healthTime = time.Minute

// analytics counts views and callbacks. It is safe for concurrent use.
type analytics struct {
	store *store.Store // set by start

	mu        sync.Mutex
	today     day
	counts    *store.Counts
	callbacks []*countedCallback // of all apps
	awaited   recent[string, awaited]
	loads     recent[load, time.Time]

	full chan struct{} // holds one when counts should be written soon
	stop func()
}

// day is a day with its bounds, so that most callbacks need no calendar.
type day struct {
	name        string
	begin, next time.Time
}

// countedApp is what a mount keeps for the analytics.
type countedApp struct {
	slug      string
	callbacks map[string]*countedCallback // by output, as in _dash-dependencies
}

// countedCallback counts the runs of a callback in a day.
type countedCallback struct {
	app, name string
	day       string
	times     store.Times
}

// awaited is a page that has called no callback yet.
type awaited struct {
	app, target string
	at          time.Time
}

// load is the load of an app by a visitor.
type load struct {
	visitor int64
	target  string
}

func newAnalytics(apps []*mount) (*analytics, error) {
	a := &analytics{counts: store.NewCounts(), full: make(chan struct{}, 1)}
	for _, m := range apps {
		var err error
		if m.counted, err = newCountedApp(m.app); err != nil {
			return nil, err
		}
		for _, c := range m.counted.callbacks {
			a.callbacks = append(a.callbacks, c)
		}
	}
	return a, nil
}

func newCountedApp(a dash) (*countedApp, error) {
	text, err := a.DependenciesJSON()
	if err != nil {
		return nil, err
	}
	var callbacks []dependencies
	if err := json.Unmarshal(text, &callbacks); err != nil {
		return nil, fmt.Errorf("read the callbacks of app %q: %w", a.Name(), err)
	}
	counted := &countedApp{a.Slug(), map[string]*countedCallback{}}
	for _, c := range callbacks {
		counted.callbacks[c.Output] = &countedCallback{app: a.Slug(), name: cut(c.name(), maxCallbackName)}
	}
	return counted, nil
}

// dependencies are those of a callback, as far as they name it.
type dependencies struct {
	Output   string `json:"output"`
	NoOutput bool   `json:"no_output"`
	Inputs   []struct {
		ID       string `json:"id"`
		Property string `json:"property"`
	} `json:"inputs"`
}

// maxCallbackName is how much of a callback's name is kept, in bytes.
const maxCallbackName = 200

// name is the callback's for people: its outputs; and its inputs where those
// do not tell it from others.
func (d dependencies) name() string {
	var outputs []string
	isPlain := !d.NoOutput
	if isPlain {
		for name := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(d.Output, ".."), ".."), "...") {
			name, _, hashed := strings.Cut(name, "@")
			isPlain = isPlain && !hashed
			outputs = append(outputs, name)
		}
	}
	name := strings.Join(outputs, ", ")
	if isPlain {
		return name
	}
	var inputs []string
	for _, in := range d.Inputs {
		inputs = append(inputs, in.ID+"."+in.Property)
	}
	return strings.TrimSpace(name + " from " + cmp.Or(strings.Join(inputs, ", "), "the page"))
}

// start begins to count, and to write the counts to a store that is open.
func (a *analytics) start(s *store.Store, log *slog.Logger) {
	a.store = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(analyticsEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-a.full:
			case <-ctx.Done():
				return
			}
			if err := a.save(ctx); err != nil && ctx.Err() == nil {
				log.Error("analytics not written; they are kept for the next time", "err", err)
			}
		}
	}()
	a.stop = func() {
		cancel()
		<-done
	}
}

// close writes what has been counted, for the last time.
func (a *analytics) close(ctx context.Context) error {
	if a.stop == nil {
		return nil
	}
	a.stop()
	return a.save(ctx)
}

// save writes what has been counted since the last time.
func (a *analytics) save(ctx context.Context) error {
	counts := a.take()
	if counts.IsEmpty() {
		return nil
	}
	if err := a.store.AddCounts(ctx, counts); err != nil {
		a.giveBack(counts)
		return err
	}
	return nil
}

// take hands over what has been counted.
func (a *analytics) take() *store.Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.callbacks {
		a.settle(c)
	}
	counts := a.counts
	a.counts = store.NewCounts()
	return counts
}

// giveBack takes back what take has handed over.
func (a *analytics) giveBack(counts *store.Counts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, n := range counts.Views {
		a.addViews(key, n)
	}
	for key, n := range counts.Users {
		a.addUser(key, n)
	}
	a.counts.OwnUsers = a.counts.OwnUsers || counts.OwnUsers
	for visitor := range counts.Visitors {
		a.addVisitor(visitor)
	}
	for key, times := range counts.Timings {
		a.timing(key).Merge(times)
	}
}

// settle moves the runs of a callback to the counts. mu is held.
func (a *analytics) settle(c *countedCallback) {
	if c.times.Runs == 0 {
		return
	}
	a.timing(store.TimingKey{Day: c.day, Kind: store.CallbackTiming, App: c.app, Name: c.name}).Merge(&c.times)
	c.times = store.Times{}
}

// dayOf returns the day that a time is in. mu is held.
func (a *analytics) dayOf(t time.Time) string {
	if t.Before(a.today.begin) || !t.Before(a.today.next) {
		year, month, date := t.Date()
		begin := time.Date(year, month, date, 0, 0, 0, 0, t.Location())
		a.today = day{store.Day(t), begin, begin.AddDate(0, 0, 1)}
	}
	return a.today.name
}

// The maps of the counts are bounded; mu is held.

func (a *analytics) addViews(key store.ViewKey, n int64) {
	if _, there := a.counts.Views[key]; !there && len(a.counts.Views) >= maxCountedViews {
		key.App, key.Target = "", store.Others
	}
	a.counts.Views[key] += n
}

func (a *analytics) addUser(key store.UserKey, n int64) {
	if _, there := a.counts.Users[key]; !there && len(a.counts.Users) >= maxCountedViews {
		key.App, key.Target, key.User = "", store.Others, ""
	}
	a.counts.Users[key] += n
}

func (a *analytics) addVisitor(visitor store.Visitor) {
	if len(a.counts.Visitors) < maxCountedVisitors {
		a.counts.Visitors[visitor] = struct{}{}
		return
	}
	select {
	case a.full <- struct{}{}: // this one is counted when he comes again
	default:
	}
}

func (a *analytics) timing(key store.TimingKey) *store.Times {
	times, there := a.counts.Timings[key]
	if !there && len(a.counts.Timings) >= maxCountedViews {
		key.App, key.Name = "", store.Others
		times, there = a.counts.Timings[key]
	}
	if !there {
		times = &store.Times{}
		a.counts.Timings[key] = times
	}
	return times
}

// viewed counts a view of a place, or of the site where the visit is to none.
// page is the id of the page that is about to be sent, or "".
func (a *analytics) viewed(v *Visit, kind store.ViewKind, page string) {
	if v.server.config.NoAnalytics || v.r.Method != http.MethodGet {
		return
	}
	slug, target := "", store.SiteTarget
	if m := v.place.mount; m != nil {
		if m.counted == nil {
			return
		}
		slug, target = m.counted.slug, v.place.target()
	}
	now := a.store.Now()
	user, who := v.visitor()
	day := store.Day(now)
	visitor := int64(binary.BigEndian.Uint64(a.store.MAC("visitor", append(who, day)...)))
	a.mu.Lock()
	defer a.mu.Unlock()
	if kind == store.HealthView && a.isLoaded(load{visitor, target}, now) {
		return
	}
	a.addViews(store.ViewKey{Day: day, App: slug, Target: target, Kind: kind}, 1)
	if user != "" {
		a.addUser(store.UserKey{Day: day, App: slug, Target: target, User: user}, 1)
		a.counts.OwnUsers = v.server.config.Authenticate == nil
	}
	a.addVisitor(store.Visitor{VisitorKey: store.VisitorKey{Day: day}, Hash: visitor})
	a.addVisitor(store.Visitor{VisitorKey: store.VisitorKey{Day: day, App: slug, Target: target}, Hash: visitor})
	if slug != "" {
		a.addVisitor(store.Visitor{VisitorKey: store.VisitorKey{Day: day, App: slug}, Hash: visitor})
	}
	if page != "" {
		a.awaited.put(page, awaited{slug, target, now})
		a.loads.put(load{visitor, target}, now)
	}
}

// isLoaded reports whether the server has just counted the load of the page that
// calls the health route. Each load stands for one call: those that come when
// the page shows something else without loading are views. mu is held.
func (a *analytics) isLoaded(l load, now time.Time) bool {
	at, ok := a.loads.take(l)
	return ok && now.Sub(at) < healthTime
}

// ran counts a run of a callback, and the time from the page to it when it is
// the first.
func (a *analytics) ran(v *Visit, output string, took time.Duration, failed bool) {
	if v.server.config.NoAnalytics || v.place.mount.counted == nil {
		return
	}
	c, now := v.place.mount.counted.callbacks[output], a.store.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	day := a.dayOf(now)
	if c != nil {
		if c.day != day {
			a.settle(c)
			c.day = day
		}
		c.times.Add(took, failed)
	}
	if v.call.Page == "" {
		return
	}
	page, ok := a.awaited.take(v.call.Page)
	if wait := now.Add(-took).Sub(page.at); ok && wait >= 0 && wait <= longestFirst {
		a.timing(store.TimingKey{Day: day, Kind: store.FirstTiming, App: page.app, Name: page.target}).Add(wait, false)
	}
}

// visitor returns the name of the user, or "", and what tells the visitor from
// others: his name, his browser's session, or else his address and browser. In
// pages of other sites each load has a session of its own, so it does not count
// there.
func (v *Visit) visitor() (user string, who []string) {
	if u := v.User(); u != nil && u.Name != "" {
		return u.Name, []string{"user", u.Name}
	}
	if session, err := v.present(v.r.Context()); err == nil && session != nil && !v.foreign {
		return "", []string{"session", string(session.Hash())}
	}
	return "", []string{"browser", remoteIP(v.r), v.r.UserAgent()}
}

// watcher tells the server of the callbacks of a visit.
type watcher struct{ visit *Visit }

// Ran implements [app.Watcher].
func (w watcher) Ran(output string, took time.Duration, err error) {
	w.visit.server.callbackRan(w.visit, output, took, err)
}

// callbackRan is told of each callback that has ended: see [app.Watcher].
func (s *Server) callbackRan(v *Visit, output string, took time.Duration, err error) {
	s.analytics.ran(v, output, took, hasFailed(err))
	v.place.mount.metrics.ran(took, err)
	s.warnIfSlow(v, output, took)
}

// hasFailed reports whether an error of a callback is its own fault: not what it
// refuses, and not that the visitor has left.
func hasFailed(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && statuses[app.ErrorCode(err)] >= http.StatusInternalServerError
}

// djangoHealth is the route by which pages count views themselves, as they do
// with Dash Enterprise.
const djangoHealth = "_django/health"

// djangoHealthRoutes are those of the site. Each app and instance has its own below
// its path.
func (s *Server) djangoHealthRoutes() []siteRoute {
	return []siteRoute{
		{http.MethodGet, djangoHealth, app.Public, s.serveDjangoHealth},
		{http.MethodGet, djangoHealth + "/{$}", app.Public, s.serveDjangoHealth},
	}
}

// serveDjangoHealth counts a view of the app or instance whose page makes the
// request, or else of the site.
func (s *Server) serveDjangoHealth(w http.ResponseWriter, r *http.Request, v *Visit) error {
	v.place = s.refererPlace(r, v)
	s.analytics.viewed(v, store.HealthView, "")
	s.answerOK(w, r)
	return nil
}

func (s *Server) answerOK(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	s.answer(w, r, http.StatusOK, []byte("ok"))
}

// refererPlace returns the place whose page makes a request, by its Referer. It
// is none for a page of the site, and where the visitor may not open the place.
func (s *Server) refererPlace(r *http.Request, v *Visit) place {
	referer, err := url.Parse(r.Referer())
	if err != nil || !strings.EqualFold(referer.Host, r.Host) {
		return place{}
	}
	target := s.targetOf(referer.Path)
	if target == "" {
		return place{}
	}
	p, err := s.findTarget(r.Context(), target)
	if err != nil || p.mount == nil || s.admit(v, p) != nil {
		return place{}
	}
	return p
}

// recent is a map that remembers the newest of many things and forgets the
// others. Its zero value is empty.
type recent[K comparable, V any] struct {
	values map[K]V
	ring   []K // the keys, as they came
	next   int // the place in ring that the next key takes
}

func (r *recent[K, V]) put(key K, value V) {
	if r.values == nil {
		r.values = map[K]V{}
	}
	if len(r.ring) < maxAwaited {
		r.ring = append(r.ring, key)
	} else {
		delete(r.values, r.ring[r.next])
		r.ring[r.next] = key
		r.next = (r.next + 1) % maxAwaited
	}
	r.values[key] = value
}

// take returns a value and forgets it.
func (r *recent[K, V]) take(key K) (value V, ok bool) {
	if value, ok = r.values[key]; ok {
		delete(r.values, key)
	}
	return value, ok
}
