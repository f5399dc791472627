package serve_test

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	osuser "os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/serve"
	"dashd/store"
)

// audited returns the audit log, the oldest first: who did what, to what, and
// the detail.
func audited(tb testing.TB, s *serve.Server, filter store.AuditFilter) (lines []string) {
	tb.Helper()
	for e, err := range s.Store().AuditLog(tb.Context(), filter) {
		if err != nil {
			tb.Fatal(err)
		}
		line := fmt.Sprintf("%s: %s", e.Actor, e.Action)
		if e.Target != "" {
			line += " " + e.Target
		}
		if e.Detail != "" {
			line += " (" + e.Detail + ")"
		}
		lines = append([]string{line}, lines...)
	}
	return lines
}

// newlyAudited returns a function that returns what has come since its last
// call.
func newlyAudited(tb testing.TB, s *serve.Server) func() []string {
	seen := len(audited(tb, s, store.AuditFilter{}))
	return func() []string {
		tb.Helper()
		lines := audited(tb, s, store.AuditFilter{})[seen:]
		seen += len(lines)
		if len(lines) == 0 {
			return nil
		}
		return lines
	}
}

func wantAudited(tb testing.TB, got []string, want ...string) {
	tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("want - got +\n%s", diff)
	}
}

// auditedSession is a session in the log.
var auditedSession = regexp.MustCompile(`session [0-9a-f]+`)

// sessionField is the field of a form that ends a session.
var sessionField = regexp.MustCompile(`name="session" value="([0-9a-f]+)"`)

// What users do to themselves is in the log, and what strangers try.
func TestAuditIdentity(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{adminApp()}})
	news := newlyAudited(t, s)
	link, err := s.SetupLink(t.Context(), "http://127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	root := newClient(t, s.Handler())
	wantStatus(t, root.post("/setup", "token", "wrong", "name", "root", "new", password, "again", password), http.StatusForbidden)
	wantStatus(t, root.post("/setup", "token", u.Query().Get("token"), "name", "root", "new", password, "again", password), http.StatusSeeOther)
	wantAudited(t, news(), "root: server.set-up user root")

	b := newClient(t, s.Handler())
	for range 5 {
		b.post("/login", "name", "ROOT", "password", "my secret")
		b.post("/login", "name", "my secret", "password", "")
	}
	wantAudited(t, news(), ": session.failed user root", ": session.failed (no such user)")
	for range 5 {
		wantStatus(t, b.post("/login", "name", "root", "password", password), http.StatusTooManyRequests)
	}
	wantAudited(t, news(), ": session.throttled user root")
	b.address = "192.0.2.7"
	b.signIn("root", password)
	wantAudited(t, news(), "root: session.sign-in")

	const other = "another password"
	wantStatus(t, b.post("/account", "password", "my secret", "new", other, "again", other), http.StatusBadRequest)
	wantAudited(t, news(), ": session.failed user root")
	wantStatus(t, b.post("/account", "password", password, "new", other, "again", other), http.StatusSeeOther)
	wantAudited(t, news(), "root: user.password user root")

	second := newClient(t, s.Handler())
	second.address = "192.0.2.8"
	second.signIn("root", other)
	wantAudited(t, news(), "root: session.sign-in")
	id := sessionField.FindStringSubmatch(bodyOf(t, second.get("/account")))
	if id == nil {
		t.Fatal("the account page has no session to end")
	}
	wantStatus(t, second.post("/account/sessions/end", "session", id[1]), http.StatusSeeOther)
	wantAudited(t, news(), "root: session.end session "+id[1]+" (address: 192.0.2.7, user: root)")
	wantStatus(t, second.post("/account/sessions/end", "session", id[1]), http.StatusNotFound)
	wantStatus(t, second.post("/logout"), http.StatusSeeOther)
	wantStatus(t, second.post("/logout"), http.StatusSeeOther)
	wantAudited(t, news(), "root: session.sign-out")
	second.signIn("root", other)
	wantStatus(t, second.post("/account/signout-everywhere"), http.StatusSeeOther)
	wantAudited(t, news(), "root: session.sign-in", "root: session.end-all user root")

	for e, err := range s.Store().AuditLog(t.Context(), store.AuditFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^192\.0\.2\.[178]$`).MatchString(e.Address) || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(e.Request) {
			t.Errorf("%s came from %q by the request %q", e.Action, e.Address, e.Request)
		}
		if text := fmt.Sprint(e); strings.Contains(text, "secret") || strings.Contains(text, password) || strings.Contains(text, other) {
			t.Errorf("the log has a secret: %s", text)
		}
	}
}

// Every form of the administration that changes something is in the log, once,
// and those that are refused are not.
func TestAuditAdmin(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	news := newlyAudited(t, s)
	ann := newClient(t, s.Handler())
	for _, step := range []struct {
		path   string
		fields []string
		status int
		want   []string
	}{
		{"apps/colors/access", []string{"level", "public"}, 303, []string{"root: app.access app colors"}},
		{"apps/colors/access", []string{"level", "restricted", "who", "user:ann"}, 303, []string{"root: app.access app colors (access: public -> restricted user:ann)"}},
		{"apps/colors/access", []string{"level", "everybody"}, 400, nil},
		{"apps/colors/check", nil, 303, nil},
		{"apps/", nil, 303, nil},
		{"apps/colors/forget", nil, 409, nil},

		{"instances/", []string{"app", "colors", "name", "Mine"}, 303, []string{"root: instance.create instance mine (access: inherit, app: colors, name: Mine, saves: off)"}},
		{"instances/", []string{"app", "colors", "name", "Mine"}, 409, nil},
		{"instances/mine/describe", []string{"name", "Mine", "slug", "mine", "level", "authenticated"}, 303, []string{"root: instance.access instance mine (access: inherit -> authenticated)"}},
		{"instances/mine/describe", []string{"name", "Yours", "slug", "yours", "level", "authenticated", "save_on_change", "on"}, 303,
			[]string{"root: instance.change instance mine (name: Mine -> Yours, saves: off -> on, slug: mine -> yours)"}},
		{"instances/yours/describe", []string{"name", "Yours", "slug", "yours", "level", "authenticated", "save_on_change", "on"}, 303, nil},
		{"instances/yours/populate", nil, 303, []string{"root: instance.populate instance yours"}},
		{"instances/yours/value", []string{"component", "color", "property", "value", "text", `"my secret"`, "was", "?"}, 409, nil},
		{"instances/yours/untrack", []string{"component", "color", "property", "value"}, 303, nil},
		{"instances/yours/reset", nil, 303, []string{"root: instance.reset instance yours"}},
		{"instances/yours/restore", []string{"revision", "1"}, 303, []string{"root: instance.restore instance yours (revision 1)"}},
		{"instances/yours/clone", []string{"name", "Copy"}, 303, []string{"root: instance.create instance copy (clone of yours, access: authenticated, app: colors, name: Copy, saves: on)"}},
		{"instances/copy/delete", nil, 303, []string{"root: instance.delete instance copy (access: authenticated, app: colors, name: Copy, saves: on)"}},
		{"instances/copy/delete", nil, 404, nil},

		{"groups/", []string{"name", "staff"}, 303, []string{"root: group.add group staff"}},
		{"groups/", []string{"name", "staff"}, 409, nil},
		{"groups/staff/add", []string{"user", "bob"}, 303, []string{"root: user.groups user bob (groups: none -> staff)"}},
		{"groups/staff/remove", []string{"user", "bob"}, 303, []string{"root: user.groups user bob (groups: staff -> none)"}},
		{"users/bob/groups", []string{"group", "staff"}, 303, []string{"root: user.groups user bob (groups: none -> staff)"}},
		{"groups/staff/delete", nil, 303, []string{"root: group.delete group staff (members: bob)"}},

		{"users/", []string{"name", "cy", "password", "my secret"}, 303, []string{"root: user.add user cy (superuser: off)"}},
		{"users/", []string{"name", "dan"}, 200, []string{"root: user.add user dan (superuser: off)"}},
		{"users/", []string{"name", "cy", "password", "my secret"}, 409, nil},
		{"users/cy/password", []string{"password", "my secret"}, 303, []string{"root: user.password user cy"}},
		{"users/cy/superuser", []string{"superuser", "on"}, 303, []string{"root: user.superuser user cy (superuser: off -> on)"}},
		{"users/root/superuser", nil, 409, nil},
		{"users/cy/signout", nil, 303, []string{"root: session.end-all user cy"}},
		{"users/cy/delete", nil, 303, []string{"root: user.delete user cy (superuser: on)"}},
		{"users/cy/delete", nil, 404, nil},

		{"live/", []string{"channel", "c", "label", "l", "value", "my secret"}, 303, nil},
	} {
		resp := b.post("/admin/"+step.path, step.fields...)
		wantStatus(t, resp, step.status)
		wantAudited(t, news(), step.want...)
	}
	// A halfway change is told as far as it went.
	wantStatus(t, b.post("/admin/groups/", "name", "staff"), http.StatusSeeOther)
	wantStatus(t, b.send("POST", "/admin/users/bob/groups", url.Values{"group": {"staff", "nope"}}), http.StatusNotFound)
	wantAudited(t, news(), "root: group.add group staff", "root: user.groups user bob (groups: none -> staff)")

	ann.signIn("ann", password)
	wantStatus(t, ann.post("/admin/users/bob/delete"), http.StatusForbidden)
	for _, session := range sessionField.FindAllStringSubmatch(bodyOf(t, b.get("/admin/sessions/")), -1) {
		wantStatus(t, b.post("/admin/sessions/", "session", session[1]), http.StatusSeeOther)
	}
	var lines []string
	for _, line := range news() {
		lines = append(lines, auditedSession.ReplaceAllString(line, "session X"))
	}
	wantAudited(t, lines, "ann: session.sign-in", "root: session.end session X (address: 192.0.2.1, user: ann)")

	for e, err := range s.Store().AuditLog(t.Context(), store.AuditFilter{User: "root"}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Address != "192.0.2.1" || e.Request == "" {
			t.Errorf("%s came from %q by the request %q", e.Action, e.Address, e.Request)
		}
		if strings.Contains(fmt.Sprint(e), "secret") {
			t.Errorf("the log has a secret: %v", e)
		}
	}
}

// Whoever adds a form or an operation decides what the log tells of it.
func TestAuditKnowsAll(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{adminApp()}})
	silent := map[string]bool{
		"form live/": true, "form apps/": true, "form apps/{slug}/check": true, "form analytics/app/{view...}": true, // change nothing that stays
		"form instances/{slug}/value": true, "form instances/{slug}/untrack": true, // are in the instance's history
		"operation instance/set": true, "operation instance/untrack": true,
		"operation replica/sync": true, "operation restore/checked": true, // change nothing that anybody sees
	}
	reads := regexp.MustCompile(`/(list|show|export|history|sessions|status|check|report|verify)$`)
	for _, name := range s.Unaudited() {
		kind, name, _ := strings.Cut(name, " ")
		if strings.HasPrefix(name, "instance") || silent[kind+" "+name] || strings.HasPrefix(name, "embed/") || strings.HasPrefix(name, "poke") {
			continue // Instances and EmbedToken write themselves
		}
		if kind == "operation" && reads.MatchString(name) {
			continue
		}
		t.Errorf("the audit log does not tell of the %s %s; auditedForms and auditedOperations say what it does", kind, name)
	}
}

// The site's own Go code acts as the program, or for somebody.
func TestAuditProgram(t *testing.T) {
	secret := textApp("Secret", "secret", app.Authenticated)
	secret.EmbedOrigins = []string{"https://portal.example.org"}
	s, _ := withUsers(t, serve.Config{
		Apps: []*app.App{adminApp(), secret},
		Seed: func(ctx context.Context, instances *serve.Instances) error {
			_, err := instances.Ensure(ctx, serve.NewInstance{App: "Colors", Slug: "seeded"})
			return err
		},
	})
	wantAudited(t, audited(t, s, store.AuditFilter{}), "the program: instance.create instance seeded (access: inherit, app: colors, name: Colors-1, saves: off)")
	news := newlyAudited(t, s)
	ctx := t.Context()
	if err := errors.Join(
		s.Instances().Replace(ctx, "seeded", red()),
		s.Instances().Set(ctx, "seeded", "color", "value", "blue"),
		s.Instances().By(&app.User{Name: "ann"}).Delete(ctx, "seeded"),
	); err != nil {
		t.Fatal(err)
	}
	wantAudited(t, news(),
		"the program: instance.import instance seeded",
		"ann: instance.delete instance seeded (access: inherit, app: colors, name: Colors-1, saves: off)")

	// Each load of a page makes a token: they are written sparsely.
	var address string
	for range 3 {
		var err error
		if address, err = s.EmbedToken(ctx, "app/secret", "ann", 0); err != nil {
			t.Fatal(err)
		}
	}
	wantStatus(t, newClient(t, s.Handler()).get(address), http.StatusSeeOther)
	wantAudited(t, news(), "the program: embed.create app secret (for user ann)", "ann: embed.open app secret")
	token := strings.Split(strings.TrimSuffix(address, "/"), "/")
	for e := range s.Store().AuditLog(ctx, store.AuditFilter{}) {
		if strings.Contains(fmt.Sprint(e), token[len(token)-1]) {
			t.Errorf("the log has a token: %v", e)
		}
	}
}

// A running server knows which user of the machine gives a command.
func TestAuditCommand(t *testing.T) {
	data := t.TempDir()
	stop, err := start(data)
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := command(t.Context(), program(), "group", "add", "staff", "--data", data)
	if err := stop(); err != nil || code != 0 {
		t.Fatal(err, stderr)
	}
	if code, _, stderr = command(t.Context(), program(), "group", "add", "night", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	_, out, _ := command(t.Context(), program(), "audit", "--json", "--data", data)
	var entries []store.AuditEntry
	if err := json.Unmarshal([]byte(out), &entries); err != nil {
		t.Fatal(err)
	}
	me, err := osuser.Current()
	if err != nil {
		t.Fatal(err)
	}
	for i, target := range []string{"group night", "group staff"} {
		if len(entries) != 2 || entries[i].Target != target || entries[i].Actor != "command line" || entries[i].Address != me.Username+" on this machine" {
			t.Errorf("the log has %+v", entries)
		}
	}
}

// The change stands when the log cannot be written.
func TestAuditFails(t *testing.T) {
	data := t.TempDir()
	s, log := withUsers(t, serve.Config{Apps: []*app.App{adminApp()}, Data: data})
	b := newClient(t, s.Handler())
	b.signIn("root", password)
	db, err := sql.Open("sqlite", filepath.Join(data, "dashd.db"))
	if err == nil {
		_, err = db.Exec("DROP TABLE audit")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.post("/admin/groups/", "name", "staff"), http.StatusSeeOther)
	wantPage(t, b.get("/admin/groups/"), http.StatusOK, "staff")
	if text := log.String(); !strings.Contains(text, `"msg":"change not in the audit log","action":"group.add","target":"group staff","actor":"root"`) {
		t.Errorf("the log does not tell: %s", text)
	}
}

func TestAuditPage(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	const name = "=cmd|' /C'!A0 <script>alert(1)</script>"
	mustCreate(t, s, serve.NewInstance{App: "colors", Name: name, Slug: "odd"})
	page := html.UnescapeString(bodyOf(t, b.get("/admin/audit/")))
	for _, part := range []string{"<h1>Audit log</h1>", "instance odd", "the program", "session.sign-in", "2 events", `href="/admin/audit/export/csv"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q: %s", part, page)
		}
	}
	if strings.Contains(bodyOf(t, b.get("/admin/audit/")), "<script>") {
		t.Error("a name is HTML")
	}
	for i := range 60 {
		if err := s.Store().Audit(t.Context(), store.AuditEntry{Action: "user.add", Target: fmt.Sprint("user u", i), Actor: "root"}); err != nil {
			t.Fatal(err)
		}
	}
	wantPage(t, b.get("/admin/audit/"), http.StatusOK, "1 to 50 of 62 events", "user u59<", "user u10<", "page=2")
	wantPage(t, b.get("/admin/audit/?page=2"), http.StatusOK, "51 to 62 of 62 events", "user u9<", "instance odd<")
	wantPage(t, b.get("/admin/audit/?action=user.add&user=u7"), http.StatusOK, "1 event", "user u7<", `value="user.add" selected`,
		`href="/admin/audit/export/csv?action=user.add&amp;user=u7"`)
	wantPage(t, b.get("/admin/audit/?action=user.add&page=2"), http.StatusOK, "51 to 60 of 60", "action=user.add&amp;page=1")
	wantPage(t, b.get("/admin/audit/?user=nobody"), http.StatusOK, "Nothing of this kind", "Show all")
	wantPage(t, b.get("/admin/audit/?action=user.ad"), http.StatusBadRequest, "There is no action")

	resp := b.get("/admin/audit/export/csv?action=instance")
	wantStatus(t, resp, http.StatusOK)
	rows, err := csv.NewReader(resp.Body).ReadAll()
	if err != nil || len(rows) != 2 || strings.Join(rows[0], " ") != "id time action target actor address request detail" {
		t.Fatalf("%v, %v", rows, err)
	}
	if row := rows[1]; row[2] != "instance.create" || row[3] != "instance odd" || !strings.Contains(row[7], name) {
		t.Errorf("%q", row)
	}
	if at, err := time.Parse(time.RFC3339, rows[1][1]); err != nil || time.Since(at) > time.Hour {
		t.Errorf("%s, %v", rows[1][1], err)
	}
	if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="audit.csv"` {
		t.Errorf("Content-Disposition: %s", got)
	}
	var entries []store.AuditEntry
	if err := json.Unmarshal([]byte(bodyOf(t, b.get("/admin/audit/export/json"))), &entries); err != nil || len(entries) != 62 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if err := json.Unmarshal([]byte(bodyOf(t, b.get("/admin/audit/export/json?user=nobody"))), &entries); err != nil || len(entries) != 0 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	wantStatus(t, b.get("/admin/audit/export/xml"), http.StatusNotFound)
	wantStatus(t, b.get("/admin/audit/export/csv?action=nope"), http.StatusBadRequest)
}

// What begins like a formula is none for a spreadsheet.
func TestAuditCSVHasNoFormulas(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	for _, actor := range []string{"=1+1", "+x", "-x", "@x", "ann"} {
		if err := s.Store().Audit(t.Context(), store.AuditEntry{Action: "token.create", Actor: actor}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(b.get("/admin/audit/export/csv?action=token").Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var actors []string
	for _, row := range rows {
		actors = append(actors, row[4])
	}
	if got := strings.Join(actors, " "); got != "actor ann '@x '-x '+x '=1+1" {
		t.Errorf("actors: %s", got)
	}
}
