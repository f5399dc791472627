package serve

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// The actions of the audit log. The first word is what they are about; in a
// filter it stands for all that begin with it.
const (
	auditSetUp  = "server.set-up" // the first user was made, by the set-up link
	auditReload = "server.reload" // the settings were read again

	auditSignIn    = "session.sign-in"   // a user has signed in
	auditFailed    = "session.failed"    // the name or the password was wrong
	auditThrottled = "session.throttled" // too many such attempts, so this one was not looked at
	auditSignOut   = "session.sign-out"  // a user has signed out of a browser
	auditEnd       = "session.end"       // a browser was signed out from elsewhere
	auditEndAll    = "session.end-all"   // a user was signed out everywhere

	auditUserAdd    = "user.add"
	auditPassword   = "user.password"  // another password was set
	auditSuperuser  = "user.superuser" // made one, or not any more
	auditUserGroups = "user.groups"    // is a member of other groups
	auditUserDelete = "user.delete"

	auditGroupAdd    = "group.add"
	auditGroupDelete = "group.delete"

	auditAppAccess = "app.access" // who may open it
	auditAppForget = "app.forget" // what was kept of an app that is gone

	auditInstanceCreate   = "instance.create"
	auditInstanceAccess   = "instance.access"   // who may open it
	auditInstanceChange   = "instance.change"   // name, slug, or whether callbacks save
	auditInstancePopulate = "instance.populate" // all values became the layout's
	auditInstanceReset    = "instance.reset"    // all values were forgotten
	auditInstanceImport   = "instance.import"   // all values were replaced
	auditInstanceRestore  = "instance.restore"  // all values became those of a revision
	auditInstanceDelete   = "instance.delete"

	auditTokenCreate = "token.create" // a token to publish with
	auditTokenRevoke = "token.revoke"
	auditEmbedCreate = "embed.create" // an address of an app for a page elsewhere
	auditEmbedOpen   = "embed.open"   // its first load, which begins a session
)

// auditActions are all of them.
var auditActions = []string{
	auditSetUp, auditReload,
	auditSignIn, auditFailed, auditThrottled, auditSignOut, auditEnd, auditEndAll,
	auditUserAdd, auditPassword, auditSuperuser, auditUserGroups, auditUserDelete,
	auditGroupAdd, auditGroupDelete,
	auditAppAccess, auditAppForget,
	auditInstanceCreate, auditInstanceAccess, auditInstanceChange, auditInstancePopulate, auditInstanceReset, auditInstanceImport, auditInstanceRestore, auditInstanceDelete,
	auditTokenCreate, auditTokenRevoke, auditEmbedCreate, auditEmbedOpen,
}

// checkAuditAction refuses what is neither an action nor the first word of one.
func checkAuditAction(text string) error {
	if text == "" || slices.ContainsFunc(auditActions, func(action string) bool { return action == text || strings.HasPrefix(action, text+".") }) {
		return nil
	}
	return app.Errorf(app.Invalid, "There is no action %q. The actions are: %s.", text, strings.Join(auditActions, ", "))
}

// auditedForms says what the log tells of the forms of the administration. What
// is done to instances, [Instances] writes, and about each value the instance's
// history.
var auditedForms = map[string]audited[*http.Request]{
	"apps/{slug}/access":     {auditAppAccess, func(r *http.Request) string { return "app " + r.PathValue("slug") }},
	"apps/{slug}/forget":     {auditAppForget, func(r *http.Request) string { return "app " + r.PathValue("slug") }},
	"sessions/":              {auditEnd, func(r *http.Request) string { return "session " + r.PostForm.Get("session") }},
	"users/":                 {auditUserAdd, func(r *http.Request) string { return "user " + strings.TrimSpace(r.PostForm.Get("name")) }},
	"users/{name}/password":  {auditPassword, namedUser},
	"users/{name}/superuser": {auditSuperuser, namedUser},
	"users/{name}/groups":    {auditUserGroups, namedUser},
	"users/{name}/signout":   {auditEndAll, namedUser},
	"users/{name}/delete":    {auditUserDelete, namedUser},
	"groups/":                {auditGroupAdd, func(r *http.Request) string { return "group " + strings.TrimSpace(r.PostForm.Get("name")) }},
	"groups/{name}/add":      {auditUserGroups, func(r *http.Request) string { return "user " + r.PostForm.Get("user") }},
	"groups/{name}/remove":   {auditUserGroups, func(r *http.Request) string { return "user " + r.PostForm.Get("user") }},
	"groups/{name}/delete":   {auditGroupDelete, func(r *http.Request) string { return "group " + r.PathValue("name") }},
}

func namedUser(r *http.Request) string { return "user " + r.PathValue("name") }

// auditedOperations says what the log tells of the operations of commands.
var auditedOperations = map[string]audited[[]byte]{
	"app/set-access":      operated(auditAppAccess, func(args setAppAccess) string { return "app " + args.App }),
	"app/forget":          operated(auditAppForget, func(slug string) string { return "app " + slug }),
	"user/add":            operated(auditUserAdd, func(args addUser) string { return "user " + args.Name }),
	"user/passwd":         operated(auditPassword, func(args setPassword) string { return "user " + args.Name }),
	"user/superuser":      operated(auditSuperuser, func(args setSuperuser) string { return "user " + args.Name }),
	"user/delete":         operated(auditUserDelete, func(name string) string { return "user " + name }),
	"user/sign-out":       operated(auditEndAll, func(name string) string { return "user " + name }),
	"group/add":           operated(auditGroupAdd, func(name string) string { return "group " + name }),
	"group/delete":        operated(auditGroupDelete, func(name string) string { return "group " + name }),
	"group/add-member":    operated(auditUserGroups, func(args member) string { return "user " + args.User }),
	"group/remove-member": operated(auditUserGroups, func(args member) string { return "user " + args.User }),
	"token/create":        operated(auditTokenCreate, func(newToken) string { return "token" }),
	"token/revoke":        operated(auditTokenRevoke, func(id int64) string { return fmt.Sprint("token ", id) }),
}

// audited says what the log tells of a change that somebody asks for.
type audited[Request any] struct {
	action string
	target func(Request) string
}

// operated is audited for an operation whose arguments are JSON.
func operated[Args any](action string, target func(Args) string) audited[[]byte] {
	return audited[[]byte]{action, func(text []byte) string {
		var args Args
		_ = json.Unmarshal(text, &args) // the operation refuses what cannot be read
		return target(args)
	}}
}

// doer is who does something.
type doer struct {
	name    string // of a user, or "" for nobody known
	address string // IP address; of a command, the user of the machine
	request string // id
}

// The names of doers who are no users; no user's has a blank.
const (
	byCommand = "command line"
	byProgram = "the program" // the site's own Go code
)

type doerKey struct{}

// in returns a context in which the doer does what is done.
func (d doer) in(ctx context.Context) context.Context { return context.WithValue(ctx, doerKey{}, d) }

// doerIn returns who does what is done in a context, if that is known.
func doerIn(ctx context.Context) (doer, bool) {
	d, ok := ctx.Value(doerKey{}).(doer)
	return d, ok
}

// doer returns who makes a request.
func (v *Visit) doer(r *http.Request) doer {
	d := doer{address: remoteIP(r), request: requestID(v.w)}
	if user := v.User(); user != nil {
		d.name = user.Name
	}
	return d
}

// here is the doer of a command that has opened the data directory itself.
func here() doer {
	u, err := user.Current()
	if err != nil {
		return doer{name: byCommand}
	}
	return doer{name: byCommand, address: onThisMachine(u.Username)}
}

// onThisMachine is the address of a user of the machine.
func onThisMachine(name string) string { return name + " on this machine" }

// audit writes that something was done, by the doer in ctx, into the audit log.
// The detail is short, and has neither secrets nor values. When that fails,
// what was done stays done.
func (s *Server) audit(ctx context.Context, action, target, detail string) {
	s.writeAudit(ctx, s.store.Audit, action, target, detail)
}

// auditSparsely is audit for what strangers or pages can cause as often as they
// like.
func (s *Server) auditSparsely(ctx context.Context, action, target, detail string) {
	s.writeAudit(ctx, s.store.AuditSparsely, action, target, detail)
}

// auditTimeout bounds a write of the audit log, whose request may have ended.
const auditTimeout = 10 * time.Second

func (s *Server) writeAudit(ctx context.Context, write func(context.Context, store.AuditEntry) error, action, target, detail string) {
	d, known := doerIn(ctx)
	if !known {
		d.name = byProgram
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	e := store.AuditEntry{Action: action, Target: target, Actor: d.name, Address: d.address, Request: d.request, Detail: detail}
	if err := write(ctx, e); err != nil {
		s.config.Log.Error("change not in the audit log", "action", e.Action, "target", e.Target, "actor", e.Actor, "request", e.Request, "err", err)
	}
}

// audited does something to a target and writes it down: with what has changed,
// of what the log may tell. What fails halfway is written as far as it went.
func (s *Server) audited(ctx context.Context, action, target string, do func() error) error {
	before := s.facts(ctx, target)
	err := do()
	changes := difference(before, s.facts(ctx, target))
	if err == nil || changes != "" {
		s.audit(ctx, action, target, changes)
	}
	return err
}

// audited is a deed that is written down. All are done in the name of the
// visitor.
func (a admin) audited(form string, do deed) deed {
	what, ok := auditedForms[form]
	return func(r *http.Request, v *Visit) (result done, err error) {
		r = r.WithContext(v.doer(r).in(r.Context()))
		if !ok {
			return do(r, v)
		}
		err = a.Server.audited(r.Context(), what.action, what.target(r), func() error {
			result, err = do(r, v)
			return err
		})
		return result, err
	}
}

// operateAudited runs an operation in the name of the command line.
func (s *Server) operateAudited(ctx context.Context, name string, args []byte, do operation) (result []byte, err error) {
	if _, known := doerIn(ctx); !known {
		ctx = here().in(ctx)
	}
	what, ok := auditedOperations[name]
	if !ok {
		return do(ctx, s, args)
	}
	err = s.audited(ctx, what.action, what.target(args), func() error {
		result, err = do(ctx, s, args)
		return err
	})
	return result, err
}

// auditSignIn writes what came of an attempt to sign in that was refused. A
// name that nobody has is left out: people type passwords into the field.
func (s *Server) auditSignIn(r *http.Request, v *Visit, name string, err error) {
	d := v.doer(r)
	d.name = ""
	action := auditFailed
	if _, ok := errors.AsType[*store.ThrottledError](err); ok {
		action = auditThrottled
	} else if app.ErrorCode(err) != app.Unauthorized {
		return
	}
	ctx := d.in(r.Context())
	if u, err := s.store.User(ctx, name); err == nil {
		s.auditSparsely(ctx, action, "user "+u.Name, "")
	} else {
		s.auditSparsely(ctx, action, "", "no such user")
	}
}

// auditVisit is audit for what a visitor does who is the user from now on.
func (s *Server) auditVisit(r *http.Request, v *Visit, user, action, target, detail string) {
	d := v.doer(r)
	d.name = user
	s.audit(d.in(r.Context()), action, target, detail)
}

// auditTarget is a target, such as "app/colors", as the log has it.
func auditTarget(target string) string { return strings.Replace(target, "/", " ", 1) }

// facts are what the log may tell of a target by name; nil when it is not there,
// or when that cannot be found out.
func (s *Server) facts(ctx context.Context, target string) map[string]string {
	kind, name, _ := strings.Cut(target, " ")
	switch kind {
	case "user":
		if u, err := s.store.User(ctx, name); err == nil {
			return map[string]string{"superuser": onOff(u.Superuser), "groups": strings.Join(u.Groups, " ")}
		}
	case "group":
		groups, _ := s.store.Groups(ctx)
		for _, g := range groups {
			if strings.EqualFold(g.Name, name) {
				return map[string]string{"members": strings.Join(g.Members, " ")}
			}
		}
	case "app":
		if m := s.byName[name]; m != nil {
			return map[string]string{"access": string(s.appAccess(m))}
		}
	case "session":
		sessions, _ := s.store.Sessions(ctx, "")
		for _, session := range sessions {
			if session.ID == name {
				return map[string]string{"user": session.User, "address": session.Address}
			}
		}
	case "token": // or all of them
		facts := map[string]string{}
		tokens, _ := s.store.Tokens(ctx)
		for _, t := range tokens {
			if id := strconv.FormatInt(t.ID, 10); name == "" || name == id {
				facts[id] = strings.TrimSpace(t.Name + " (" + strings.Join(t.Channels, " ") + ")")
			}
		}
		return facts
	}
	return nil
}

// instanceFacts are facts of an instance, whose slug is its target's.
func instanceFacts(i app.Instance) map[string]string {
	return map[string]string{"app": i.App, "name": i.Name, "access": accessWord(i.Access), "saves": onOff(i.SaveOnChange)}
}

// difference tells what has changed: "access: authenticated -> public".
func difference(before, after map[string]string) string {
	keys := maps.Clone(before)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, after)
	var changes []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		was, there := before[key]
		is, stays := after[key]
		switch {
		case was == is:
		case there && stays:
			changes = append(changes, fmt.Sprintf("%s: %s -> %s", key, cmp.Or(was, "none"), cmp.Or(is, "none")))
		default:
			changes = append(changes, key+": "+cmp.Or(was, is))
		}
	}
	return strings.Join(changes, ", ")
}

// writeAuditCSV writes entries as a table for spreadsheets.
func writeAuditCSV(w io.Writer, entries iter.Seq2[store.AuditEntry, error]) error {
	table := csv.NewWriter(w)
	_ = table.Write([]string{"id", "time", "action", "target", "actor", "address", "request", "detail"}) // Error tells
	for e, err := range entries {
		if err != nil {
			return err
		}
		row := []string{strconv.FormatInt(e.ID, 10), e.Time.Format(time.RFC3339Nano), e.Action, e.Target, e.Actor, e.Address, e.Request, e.Detail}
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		if err := table.Write(row); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	table.Flush()
	if err := table.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// harmless returns a cell that no spreadsheet takes for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// writeAuditJSON writes entries as an array with a line for each.
func writeAuditJSON(w io.Writer, entries iter.Seq2[store.AuditEntry, error]) error {
	comma := "[\n"
	for e, err := range entries {
		if err != nil {
			return err
		}
		text, err := json.Marshal(e)
		if err == nil {
			_, err = io.WriteString(w, comma+string(text))
		}
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		comma = ",\n"
	}
	end := "\n]\n"
	if comma == "[\n" {
		end = "[]\n"
	}
	if _, err := io.WriteString(w, end); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
