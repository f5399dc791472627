package serve

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"dashd/app"
)

// metrics are what Prometheus reads: some are counted as things happen, others
// are read off the server when somebody asks, see readings. They outlive a
// reload.
type metrics struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestTimes   *prometheus.HistogramVec
	callbackTimes  *prometheus.HistogramVec
	callbackErrors *prometheus.CounterVec
	panics         atomic.Uint64 // in requests
	commitTimes    prometheus.Histogram
	commitWrites   prometheus.Histogram
}

func newMetrics() *metrics {
	times := []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dashd_requests_total",
			Help: "Requests by app, view and status. The site's own pages have no app; 499 is for visitors who left.",
		}, []string{"app", "view", "code"}),
		requestTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dashd_request_duration_seconds",
			Help:    "Time from a request to the end of its answer. Connections of pipes are left out.",
			Buckets: times,
		}, []string{"view"}),
		callbackTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dashd_callback_duration_seconds",
			Help:    "Time that callbacks took, with the encoding and saving of what they returned.",
			Buckets: times,
		}, []string{"app"}),
		callbackErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dashd_callback_errors_total",
			Help: "Callbacks that ended with an error: panic, internal, timed_out, or what they refused a visitor with.",
		}, []string{"app", "kind"}),
		commitTimes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "dashd_database_commit_duration_seconds",
			Help:    "Time that transactions took, from the first write to the end of the commit.",
			Buckets: times,
		}),
		commitWrites: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "dashd_database_commit_writes",
			Help:    "Writes that shared a transaction.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
		}),
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "dashd_build_info",
		Help:        "The version of this program.",
		ConstLabels: prometheus.Labels{"version": version(build), "go": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(info, m.requests, m.requestTimes, m.callbackTimes, m.callbackErrors, m.commitTimes, m.commitWrites,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// committed is told of each transaction of the store.
func (m *metrics) committed(writes int, took time.Duration) {
	m.commitTimes.Observe(took.Seconds())
	m.commitWrites.Observe(float64(writes))
}

// unknownView is the view of requests for what is nowhere. There is no end of
// those, so none has a name of its own.
const unknownView = "unknown"

// appMetrics are the metrics of an app. The frequent ones are found once, since
// that costs more than to count.
type appMetrics struct {
	all       *metrics
	app       string
	views     map[View]viewMetrics
	callbacks prometheus.Observer
}

type viewMetrics struct {
	name string
	ok   prometheus.Counter // of the status 200
	took prometheus.Observer
}

// of returns the metrics of an app.
func (m *metrics) of(slug string) *appMetrics {
	a := &appMetrics{all: m, app: slug, views: map[View]viewMetrics{}, callbacks: m.callbackTimes.WithLabelValues(slug)}
	for _, view := range append(slices.Clip(Views), "") {
		name := string(view)
		if view == "" {
			name = unknownView
		}
		a.views[view] = viewMetrics{name, m.requests.WithLabelValues(slug, name, "200"), m.requestTimes.WithLabelValues(name)}
	}
	for _, kind := range []string{panicKind, string(app.Internal)} { // those to be warned of begin at 0
		m.callbackErrors.WithLabelValues(slug, kind)
	}
	return a
}

// answered counts a request for a view.
func (a *appMetrics) answered(name View, status int, took time.Duration) {
	view := a.views[name]
	if status == http.StatusOK {
		view.ok.Inc()
	} else {
		a.all.requests.WithLabelValues(a.app, view.name, strconv.Itoa(status)).Inc()
	}
	view.took.Observe(took.Seconds())
}

// panicKind is the kind of error of a callback that panicked. The others are
// codes.
const panicKind = "panic"

// ran counts a callback. An app that is none of the site's is not counted.
func (a *appMetrics) ran(took time.Duration, err error) {
	if a == nil {
		return
	}
	a.callbacks.Observe(took.Seconds())
	if err == nil || errors.Is(err, context.Canceled) { // the visitor has left
		return
	}
	kind := string(app.ErrorCode(err))
	if _, ok := errors.AsType[*app.PanicError](err); ok {
		kind = panicKind
	}
	a.all.callbackErrors.WithLabelValues(a.app, kind).Inc()
}

// statusLeft stands for the answer that a visitor did not wait for.
const statusLeft = 499

// answered counts a request that has been answered.
func (s *Server) answered(t *tally, r *http.Request, took time.Duration) {
	if t.status == 0 {
		t.status = http.StatusOK // which net/http sends then
		if r.Context().Err() != nil {
			t.status = statusLeft
		}
	}
	if v := t.visit; v != nil && v.place.mount != nil {
		v.place.mount.metrics.answered(v.View, t.status, took)
		return
	}
	view := s.siteView(t.request)
	s.metrics.requests.WithLabelValues("", view, strconv.Itoa(t.status)).Inc()
	if view != pipesView {
		s.metrics.requestTimes.WithLabelValues(view).Observe(took.Seconds())
	}
}

// pipesView is the view of the connections of pipes, which last.
const pipesView = "pipes"

// siteView names what a request that visits no app is for: mostly by the first
// word of its path, as it stands in the route table.
func (s *Server) siteView(r *http.Request) string {
	if r == nil {
		return unknownView
	}
	path := r.Pattern[strings.IndexByte(r.Pattern, ' ')+1:]
	path, ok := strings.CutPrefix(path, s.config.BasePath)
	if !ok && (path == "/healthz" || path == "/readyz") {
		path = path[1:]
	} else if !ok {
		return unknownView
	}
	first, _, _ := strings.Cut(path, "/")
	switch {
	case path == "" && s.config.Pages == nil:
		return unknownView
	case path == "":
		return "pages"
	case path == "{$}":
		return "home"
	case path == s.config.WSRoute:
		return pipesView
	case strings.HasPrefix(path, s.config.HTTPRoute+"/"):
		return "poke"
	case first == "_django":
		return string(ViewHealth)
	default:
		return first
	}
}

// serveMetrics serves the metrics to operators. To others it is as if there were
// none, unless there is a token that they could have.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.isOperator(r):
		w.Header().Set("Cache-Control", "no-store")
		s.metricsHandler.ServeHTTP(w, r)
	case s.config.MetricsToken == "":
		s.servePages(w, r)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="dashd metrics"`)
		s.fail(w, r, app.Errorf(app.Unauthorized, "The metrics are for those who have the token."))
	}
}

// maxScrapes is how many may read the metrics at a time.
const maxScrapes = 4

func (c *core) newMetricsHandler() http.Handler {
	c.metrics.registry.MustRegister(readings{c})
	return promhttp.HandlerFor(prometheus.Gatherers{c.metrics.registry, prometheus.GathererFunc(c.litestreamMetrics)}, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// litestreamMetrics are those that litestream keeps in the registry of the
// process. What else is there belongs to the program.
func (c *core) litestreamMetrics() ([]*dto.MetricFamily, error) {
	if _, replicated := c.store.Replica(); !replicated {
		return nil, nil
	}
	all, _ := prometheus.DefaultGatherer.Gather() // the others' errors are not ours
	return slices.DeleteFunc(all, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "litestream_") }), nil
}

// readings are the metrics that are read off the server when somebody asks.
type readings struct{ *core }

// The readings.
var (
	readyDesc  = reading("dashd_ready", "1 if the server is ready.")
	partDesc   = reading("dashd_part_ok", "1 if a part of the server does what it should: database, migrations, disk, hub, replication.", "part")
	panicsDesc = reading("dashd_panics_total", "Panics, in callbacks and elsewhere, that were turned into errors.")

	connectionsDesc = reading("dashd_live_connections", "Pages that listen, by websocket or by a stream of events.", "kind")
	channelsDesc    = reading("dashd_live_channels", "Channels that the hub remembers.")
	memoryDesc      = reading("dashd_live_memory_bytes", "Size of the messages that the hub remembers for those who come back.")
	queueDesc       = reading("dashd_live_queue_frames", "Frames that wait to be sent, on all connections together.")
	messagesDesc    = reading("dashd_live_messages_total", "Messages that were published.")
	sentDesc        = reading("dashd_live_frames_sent_total", "Frames that were sent: each message once for each connection, and what the hub itself says.")
	droppedDesc     = reading("dashd_live_frames_dropped_total", "Frames that waited when their connection ended. Who comes back gets them, as far as the hub remembers.")
	gapsDesc        = reading("dashd_live_gaps_total", "Listeners who came back and could not get all that they had missed.")
	slowDesc        = reading("dashd_live_slow_total", "Connections that were closed because they were too slow.")
	refusedDesc     = reading("dashd_live_refused_total", "Connections that were one too many.")

	writeQueueDesc = reading("dashd_database_write_queue", "Writes that wait for their turn.")
	readersDesc    = reading("dashd_database_readers", "Connections to the database that read.")
	readWaitDesc   = reading("dashd_database_read_waits_total", "Reads that had to wait for a connection.")
	sizeDesc       = reading("dashd_database_size_bytes", "Size of the database.")
	walDesc        = reading("dashd_database_wal_bytes", "Size of its write-ahead log.")
	diskFreeDesc   = reading("dashd_disk_free_bytes", "Free bytes on the disk of the data directory.")

	appsDesc      = reading("dashd_apps", "Apps.")
	instancesDesc = reading("dashd_instances", "Instances.")
	usersDesc     = reading("dashd_users", "Users.")
	sessionsDesc  = reading("dashd_sessions", "Sessions of browsers.")

	replicaLagDesc     = reading("dashd_replica_lag_seconds", "Time since the replica had all; 0 if it has.")
	replicaSyncDesc    = reading("dashd_replica_in_sync", "1 if the replica has all.")
	replicaFailingDesc = reading("dashd_replica_failing", "1 if the last try to replicate failed.")
	replicaLastDesc    = reading("dashd_replica_last_success_timestamp_seconds", "When something was last sent to the replica; 0 for not since the start.")
)

func reading(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// readingTimeout is how long the database may take to be counted.
const readingTimeout = 2 * time.Second

// Describe implements [prometheus.Collector]. What there is depends on the
// configuration, so it says nothing.
func (readings) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c readings) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readingTimeout)
	defer cancel()
	r := reader{out}
	c.readHealth(ctx, r)
	c.readHub(r)
	c.readStore(ctx, r)
	c.readReplica(r)
}

// reader takes what is read.
type reader struct{ out chan<- prometheus.Metric }

func (r reader) gauge(d *prometheus.Desc, value float64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (r reader) counter(d *prometheus.Desc, value float64) {
	r.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value)
}

// yes is 1 for true.
func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (c readings) readHealth(ctx context.Context, r reader) {
	s := c.current.Load()
	state := s.readiness(ctx)
	r.gauge(readyDesc, yes(state.Ready))
	for _, p := range state.Parts {
		r.gauge(partDesc, yes(p.OK), p.Name)
	}
	r.gauge(appsDesc, float64(len(s.apps)))
}

func (c readings) readHub(r reader) {
	stats := c.hub.Stats()
	r.counter(panicsDesc, float64(c.metrics.panics.Load()+stats.Panics))
	r.gauge(connectionsDesc, float64(stats.WebSockets), "websocket")
	r.gauge(connectionsDesc, float64(stats.EventStreams), "events")
	r.gauge(channelsDesc, float64(stats.Channels))
	r.gauge(memoryDesc, float64(stats.Bytes))
	r.gauge(queueDesc, float64(stats.Queued))
	r.counter(messagesDesc, float64(stats.Messages))
	r.counter(sentDesc, float64(stats.Sent))
	r.counter(droppedDesc, float64(stats.Dropped))
	r.counter(gapsDesc, float64(stats.Gaps))
	r.counter(slowDesc, float64(stats.Slow))
	r.counter(refusedDesc, float64(stats.Refused))
}

func (c readings) readStore(ctx context.Context, r reader) {
	stats := c.store.Stats()
	r.gauge(writeQueueDesc, float64(stats.Queue))
	r.gauge(readersDesc, float64(stats.Readers))
	r.counter(readWaitDesc, float64(stats.ReadWait))
	r.gauge(sizeDesc, float64(stats.Size))
	r.gauge(walDesc, float64(stats.WAL))
	if free, err := c.store.DiskFree(); err == nil {
		r.gauge(diskFreeDesc, float64(free))
	}
	if totals, err := c.store.Totals(ctx); err == nil { // else dashd_part_ok tells of it
		r.gauge(instancesDesc, float64(totals.Instances))
		r.gauge(usersDesc, float64(totals.Users))
		r.gauge(sessionsDesc, float64(totals.Sessions))
	}
}

func (c readings) readReplica(r reader) {
	status, replicated := c.store.Replica()
	if !replicated {
		return
	}
	r.gauge(replicaLagDesc, status.Lag.Seconds())
	r.gauge(replicaSyncDesc, yes(status.InSync))
	r.gauge(replicaFailingDesc, yes(status.Err != ""))
	last := 0.0
	if !status.LastSuccess.IsZero() {
		last = float64(status.LastSuccess.UnixMilli()) / 1000
	}
	r.gauge(replicaLastDesc, last)
}
