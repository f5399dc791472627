package serve

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// inspection is one of dashd's own checks. It looks at the facts alone.
type inspection struct {
	id, about string
	deploy    bool // for "check --deploy"
	look      func(f *facts) []Finding
}

// inspections are dashd's own checks.
//
// Of what such lists name elsewhere, some cannot be wrong here: a debug mode and
// default passwords do not exist, the key that signs is random and in the
// database, each connection sets busy_timeout, dashd itself serves the suites,
// by the hash of their content, and [app.Validate] refuses origins with a
// wildcard. Weak passwords are not searched for: to try one costs as much as a
// sign-in. What only a browser's way to the server shows, "doctor" looks at.
var inspections = []inspection{
	{"apps", "The apps are valid.", false, checkApps},
	{"config", "The settings are valid.", false, checkConfig},
	{"variables", "All variables DASHD_* of the environment are settings.", false, checkVariables},
	{"listen", "The addresses to listen on are addresses.", false, checkListen},
	{"hosts", "The allowed hosts are names of hosts, the trusted proxies addresses.", false, checkHosts},
	{"certificate", "The certificate can be read, fits its key and the public URL, and lasts.", false, checkCertificate},
	{"data", "The data directory can be used, or made.", false, checkData},
	{"lock", "Nobody has the data directory open without taking commands.", false, checkLock},
	{"database", "The database opens, and is whole.", false, checkDatabase},
	{"migrations", "This binary knows the version of the database.", false, checkMigrations},

	{"debug", "The log level is not debug.", true, checkDebug},
	{"permissions", "Others on this machine cannot read the data directory.", true, checkPermissions},
	{"secrets", "Others on this machine cannot read the secrets among the settings.", true, checkSecrets},
	{"root", "The server does not run as root.", true, checkRoot},
	{"encryption", "What crosses the network is encrypted.", true, checkEncryption},
	{"cookies", "Cookies are for HTTPS alone.", true, checkCookies},
	{"proxies", "What the proxy in front tells of visitors is believed.", true, checkProxies},
	{"public-url", "The server knows how visitors reach it.", true, checkPublicURL},
	{"any-host", "Requests for other hosts are refused.", true, checkAnyHost},
	{"embed-origins", "Pages that embed apps come by HTTPS.", true, checkEmbedOrigins},
	{"scripts", "The apps' pages load no scripts of other sites.", true, checkScripts},
	{"superuser", "There is a superuser.", true, checkSuperuser},
	{"passwords", "All users can sign in.", true, checkPasswords},
	{"default-access", "Apps that do not say who may open them are not for everybody.", true, checkDefaultAccess},
	{"public-apps", "Which apps and instances are for everybody.", true, checkPublicApps},
	{"tokens", "Tokens to publish with expire, and are for some channels alone.", true, checkTokens},
	{"admin", "Who reaches the administration.", true, checkAdmin},
	{"metrics-token", "The token for the metrics is long.", true, checkMetricsToken},
	{"journal", "The database has a write-ahead log.", true, checkJournal},
	{"synchronous", "What is saved survives: the promise that is in force.", true, checkSynchronous},
	{"file-system", "The database is on a disk of this machine.", true, checkFileSystem},
	{"sd-card", "What is saved is kept on an SD card.", true, checkCard},
	{"disk", "There is room on the disk.", true, checkDisk},
	{"replication", "The database is replicated, without delay.", true, checkReplication},
	{"restore", "A backup was proved lately.", true, checkRestore},
	{"clock", "The clock of this machine is not slow.", true, checkClock},
	{"files", "The server may have enough connections.", true, checkFiles},
	{"memory", "How much memory the server may use.", true, checkMemory},
	{"unit", "How exposed the unit of systemd is.", true, checkUnit},
	{"retention", "How long views and the audit log are kept.", true, checkRetention},
}

// found returns a finding; fine is that there is none.
func found(severity Severity, problem, fix string) []Finding {
	return []Finding{{Severity: severity, Problem: problem, Fix: fix}}
}

var fine []Finding

// eachLine makes a finding of each line of an error.
func eachLine(err error, fix string) (list []Finding) {
	if err == nil {
		return fine
	}
	for line := range strings.Lines(sentence(err)) {
		list = append(list, found(Error, strings.TrimSuffix(line, "\n"), fix)...)
	}
	return list
}

func checkApps(f *facts) []Finding {
	return eachLine(f.apps, "Mend it where the line says, and build again.")
}

func checkConfig(f *facts) []Finding {
	return eachLine(f.configErr, "dashd config shows from where each setting comes.")
}

func checkVariables(f *facts) (list []Finding) {
	for _, name := range f.variables {
		list = append(list, found(Warning, "The environment has a variable that is no setting: "+name, "Correct its name, or remove it. dashd serve --help lists the settings.")...)
	}
	return list
}

func checkListen(f *facts) (list []Finding) {
	for _, a := range []struct{ flag, address string }{{"--listen", f.listen}, {"--admin-listen", f.adminListen}} {
		if a.address != "" && !isAddress(a.address) {
			list = append(list, found(Error, fmt.Sprintf("%q is no address to listen on.", a.address), a.flag+" 127.0.0.1:8000, or "+a.flag+" unix:/run/dashd/dashd.sock")...)
		}
	}
	return list
}

func checkHosts(f *facts) (list []Finding) {
	if _, err := newHostList(f.config); err != nil {
		list = append(list, found(Error, err.Error()+".", "--allowed-hosts dash.example.org, without https:// and a path")...)
	}
	if _, err := parseProxies(f.config.TrustedProxies); err != nil {
		list = append(list, found(Error, err.Error()+".", "--trusted-proxies 127.0.0.1, or 10.0.0.0/8, or unix")...)
	}
	if u, err := url.Parse(f.config.PublicURL); err == nil && strings.Trim(u.Path, "/") != "" {
		list = append(list, found(Warning, "The public URL has a path, which is not looked at.", fmt.Sprintf("--public-url %s://%s --base-path %s", u.Scheme, u.Host, u.Path))...)
	}
	return list
}

func checkCertificate(f *facts) (list []Finding) {
	c := f.certificate
	switch {
	case c.err != nil:
		return found(Error, "The certificate cannot be used: "+c.err.Error()+".", "--tls-cert and --tls-key name files in PEM that belong together; the certificate comes before those of its issuers.")
	case c.expires.IsZero():
		return fine
	case !f.now.Before(c.expires):
		return found(Error, fmt.Sprintf("The certificate %s has expired on %s.", f.certFile, c.expires.Format(time.DateOnly)), "Renew it, and then: systemctl reload dashd")
	case c.expires.Sub(f.now) < expirySoon:
		list = found(Warning, fmt.Sprintf("The certificate %s expires on %s.", f.certFile, c.expires.Format(time.DateOnly)), "Renew it, and then: systemctl reload dashd")
	}
	if c.wrongFor != "" {
		severity, fix := Error, "Get one for it, or correct --public-url."
		if len(f.config.TrustedProxies) > 0 {
			severity, fix = Warning, "Nothing, where only the proxy in front, which has its own, comes to this one. Else get one for it, or correct --public-url."
		}
		list = append(list, found(severity, fmt.Sprintf("The certificate %s is not for %s, the host of the public URL.", f.certFile, c.wrongFor), fix)...)
	}
	return list
}

func checkData(f *facts) []Finding {
	switch {
	case f.data.err != nil && f.running: // by a user who may do less than the server's
		return found(Warning, "This user cannot look into the data directory: "+f.data.err.Error()+".", "Check as the user of the server: sudo -u USER dashd check")
	case f.data.err != nil:
		return found(Error, "The data directory cannot be used: "+f.data.err.Error()+".", "Make it for the user of the server (install -d -m 700 -o USER DIR), or give another with --data.")
	case !f.data.there:
		return found(Info, fmt.Sprintf("There is nothing at %s yet; the first start makes it.", f.data.path), "")
	}
	return fine
}

func checkLock(f *facts) []Finding {
	switch {
	case f.running && f.askErr != nil:
		return found(Error, "The server that runs cannot be asked: "+sentence(f.askErr), "Restart it with this binary: systemctl restart dashd")
	case f.askErr != nil:
		return found(Error, "The server that starts or stops was not waited for: "+sentence(f.askErr)+".", "Try again.")
	case f.held && !f.running:
		return found(Error, fmt.Sprintf("Another process has %s open and takes no commands: %s.", f.data.path, cmp.Or(f.holder, "it has not said which")), "Stop it, or wait until it serves.")
	}
	return fine
}

func checkDatabase(f *facts) []Finding {
	switch {
	case f.databaseErr != nil:
		return found(Error, "The database cannot be read: "+f.databaseErr.Error()+".", "Check as the user of the server. If the file is damaged: dashd restore")
	case f.inside.Survey.Damage != "":
		return found(Error, "The database is damaged: "+f.inside.Survey.Damage+".", "Stop the server, and restore a backup or the replica: dashd restore")
	}
	return fine
}

func checkMigrations(f *facts) []Finding {
	v := f.inside.Survey
	switch {
	case v.Version > v.Known:
		return found(Error, fmt.Sprintf("The database has version %d, this dashd knows versions up to %d.", v.Version, v.Known), "Run the newer dashd that wrote it, or restore a copy.")
	case v.Version > 0 && v.Version < v.Known:
		return found(Info, fmt.Sprintf("The next start takes the database from version %d to %d, and keeps a copy.", v.Version, v.Known), "")
	}
	return fine
}

func checkDebug(f *facts) []Finding {
	if f.debug {
		return found(Error, "The log level is debug: each request is logged.", "--log-level info")
	}
	return fine
}

func checkPermissions(f *facts) (list []Finding) {
	if f.data.mode&0o077 != 0 {
		list = append(list, found(Error, fmt.Sprintf("Others on this machine may look into %s, whose permissions are %#o.", f.data.path, f.data.mode), "chmod 700 "+f.data.path)...)
	}
	if len(f.data.open) > 0 {
		severity := Warning // the directory keeps others out
		if len(list) > 0 {
			severity = Error
		}
		list = append(list, found(severity, fmt.Sprintf("Files in %s are not for their owner alone: %s.", f.data.path, some(f.data.open)), "chmod 600 "+filepath.Join(f.data.path, f.data.open[0]))...)
	}
	return list
}

func checkSecrets(f *facts) (list []Finding) {
	for _, s := range f.secrets {
		switch {
		case s.flag:
			list = append(list, found(Warning, fmt.Sprintf("--%s is a secret, and everybody on this machine can read command lines.", s.setting), "Write it into a file, and give its name as "+envOf(s.setting)+fileSuffix)...)
		case s.mode&0o007 != 0:
			list = append(list, found(Error, fmt.Sprintf("Everybody on this machine may use %s, which has the secret %s.", s.path, s.setting), "chmod o= "+s.path)...)
		}
	}
	return list
}

func checkRoot(f *facts) []Finding {
	if f.inside.Process.Root {
		return found(Warning, "The server runs as root, or would.", "Run it as a user of its own: dashd install")
	}
	return fine
}

func checkEncryption(f *facts) []Finding {
	if isBeyond(f.listen) && !f.tls() && len(f.config.TrustedProxies) == 0 {
		return found(Error, fmt.Sprintf("Passwords and cookies cross the network in plain text: the server listens on %s without TLS.", f.listen),
			"--tls-cert FILE --tls-key FILE, or --acme-host NAME; with a proxy in front, --listen 127.0.0.1:8000, or --trusted-proxies ADDRESS")
	}
	return fine
}

func checkCookies(f *facts) []Finding {
	if f.isShown() && !f.tls() && !f.https() {
		return found(Warning, "The session's cookie goes over plain HTTP, too.", "--public-url https://dash.example.org")
	}
	return fine
}

func checkProxies(f *facts) []Finding {
	if f.https() && !f.tls() && len(f.config.TrustedProxies) == 0 && !isBeyond(f.listen) {
		return found(Warning, "The proxy that speaks HTTPS is not trusted: all visitors seem to have its address, and share the bounds on sign-in.",
			"--trusted-proxies 127.0.0.1, or unix for a Unix socket")
	}
	return fine
}

func checkPublicURL(f *facts) []Finding {
	if f.config.PublicURL == "" && f.isShown() {
		return found(Warning, "The server does not know how visitors reach it: its name may be refused, and links that it prints are wrong.", "--public-url https://dash.example.org")
	}
	return fine
}

func checkAnyHost(f *facts) []Finding {
	if slices.Contains(f.config.AllowedHosts, "*") {
		return found(Warning, "Requests for any host are answered, so any site can point its own name here.", "--public-url, and --allowed-hosts with the other names")
	}
	return fine
}

func checkEmbedOrigins(f *facts) (list []Finding) {
	for _, a := range f.config.Apps {
		for _, origin := range a.EmbedOrigins {
			u, err := url.Parse(origin)
			if err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
				list = append(list, found(Warning, fmt.Sprintf("App %q may be embedded in pages of %s, which others can change on their way.", a.Name(), origin), "Name the origin with https:// in its EmbedOrigins.")...)
			}
		}
	}
	return list
}

func checkScripts(f *facts) (list []Finding) {
	for _, a := range f.config.Apps {
		if others := strings.TrimSpace(origins(a.Scripts)); others != "" {
			list = append(list, found(Warning, fmt.Sprintf("App %q runs scripts from other sites, which can change them: %s.", a.Name(), others), "Put the files among its Assets.")...)
		}
	}
	return list
}

func checkSuperuser(f *facts) []Finding {
	if h, known := f.holds(); (known && h.Superusers == 0 || !f.database && !f.running) && f.config.Authenticate == nil {
		return found(Error, "There is no superuser, and who has the set-up link becomes one.", "dashd user add NAME --superuser")
	}
	return fine
}

func checkPasswords(f *facts) []Finding {
	if h, _ := f.holds(); len(h.NoPassword) > 0 && f.config.Authenticate == nil {
		return found(Info, "These users have no password, so they cannot sign in: "+some(h.NoPassword)+".", "dashd user passwd "+h.NoPassword[0])
	}
	return fine
}

func checkDefaultAccess(f *facts) []Finding {
	if f.config.DefaultAccess == app.Public {
		return found(Warning, "Apps that do not say who may open them are for everybody.", "--default-access authenticated")
	}
	return fine
}

func checkPublicApps(f *facts) (list []Finding) {
	h, _ := f.holds()
	var names []string
	for _, a := range f.config.Apps {
		if cmp.Or(h.Access[a.Slug()], a.Access, f.config.DefaultAccess) == app.Public {
			names = append(names, a.Slug())
		}
	}
	if len(names) > 0 {
		list = append(list, found(Info, "Everybody may open these apps: "+some(names)+".", "dashd app access "+names[0]+" authenticated")...)
	}
	if len(h.PublicInstances) > 0 {
		list = append(list, found(Info, "Everybody may open these instances: "+some(h.PublicInstances)+".", "dashd instance access "+h.PublicInstances[0]+" authenticated")...)
	}
	return list
}

func checkTokens(f *facts) (list []Finding) {
	h, _ := f.holds()
	for _, t := range h.Tokens {
		if !t.Expires.IsZero() && f.now.After(t.Expires) {
			continue
		}
		name := strings.TrimSpace(fmt.Sprint("Token ", t.ID, " ", t.Name))
		revoke := fmt.Sprint("dashd token revoke ", t.ID, "; dashd token create --channels 'sensors.*' --expires 90d")
		if t.Expires.IsZero() {
			list = append(list, found(Warning, name+" never expires.", revoke)...)
		}
		if slices.ContainsFunc(t.Channels, func(pattern string) bool { return strings.Trim(pattern, "*") == "" }) {
			list = append(list, found(Warning, name+" is for all channels.", revoke)...)
		}
	}
	return list
}

func checkAdmin(f *facts) []Finding {
	switch {
	case f.config.NoAdmin:
		return fine
	case isBeyond(f.adminListen):
		return found(Warning, fmt.Sprintf("The administration and the metrics are at %s, which other machines reach.", f.adminListen), "--admin-listen 127.0.0.1:8001, and reach it by ssh -L 8001:127.0.0.1:8001")
	case f.config.AdminApart || !f.isShown():
		return fine
	}
	return found(Info, "Superusers reach the administration from wherever the site is reached.", "--admin-listen 127.0.0.1:8001, or --admin off")
}

// shortestToken is how many characters a token for the metrics should have.
const shortestToken = 20

func checkMetricsToken(f *facts) []Finding {
	if token := f.config.MetricsToken; token != "" && len(token) < shortestToken && !f.config.NoMetrics {
		return found(Warning, fmt.Sprintf("The token for the metrics has less than %d characters, so it can be guessed.", shortestToken), "openssl rand -hex 16 makes one.")
	}
	return fine
}

func checkJournal(f *facts) []Finding {
	if journal := f.inside.Survey.Journal; journal != "" && journal != "wal" {
		return found(Error, fmt.Sprintf("The journal of the database is %q, not a write-ahead log.", journal), "Start the server, which changes it, on a disk of this machine; not in a shared folder.")
	}
	return fine
}

func checkSynchronous(f *facts) []Finding {
	promise := f.inside.Synchronous
	if want := f.config.Synchronous; f.running && want != "" && promise != "" && promise != want {
		return found(Warning, fmt.Sprintf("The server that runs has --synchronous %s; %s is in force after a restart.", promise, want), "systemctl restart dashd")
	}
	if promise == "full" {
		return found(Info, "What is saved survives a loss of power: --synchronous full.", "")
	}
	return found(Info, "What is saved survives a crash of the program; a loss of power may take the last moments: --synchronous normal.", "--synchronous full, which is slower")
}

func checkFileSystem(f *facts) []Finding {
	switch f.data.disk {
	case "":
		return fine
	case "FUSE":
		return found(Warning, fmt.Sprintf("%s is on a FUSE file system; not all of them keep SQLite's locks.", f.data.path), "--data with a directory on a disk of this machine")
	}
	return found(Error, fmt.Sprintf("%s is on %s, where SQLite's locks do not hold and a database gets damaged.", f.data.path, f.data.disk), "--data with a directory on a disk of this machine, and --replicate to have a copy elsewhere")
}

func checkCard(f *facts) []Finding {
	switch {
	case !f.data.card:
		return fine
	case f.inside.Synchronous == "full":
		return found(Info, "The data is on an SD card, and --synchronous full writes to it for each change.", "--synchronous normal writes less; --data with a directory on a better disk")
	}
	return found(Info, "The data is on an SD card. dashd writes seldom: changes go together, and views and last uses are counted in memory.", "--replicate, because such cards die")
}

// A disk that has less room than this is soon full.
const (
	fewMinDisks = 10 // times Config.MinDisk
	fewInodes   = 1000
)

func checkDisk(f *facts) (list []Finding) {
	least := cmp.Or(f.config.MinDisk, DefaultMinDisk)
	const fix = "Make room, or give a directory elsewhere with --data."
	switch free := f.data.free; {
	case free < 0:
	case free < least:
		list = append(list, found(Error, fmt.Sprintf("The disk of %s has %d MiB left; the server is not ready below %d MiB.", f.data.path, free>>20, least>>20), fix)...)
	case free < fewMinDisks*least:
		list = append(list, found(Warning, fmt.Sprintf("The disk of %s has %d MiB left.", f.data.path, free>>20), fix)...)
	}
	if n := f.data.inodes; n >= 0 && n < fewInodes {
		list = append(list, found(Warning, fmt.Sprintf("The disk of %s has room for %d files only, whatever their size.", f.data.path, n), fix)...)
	}
	return list
}

// lateReplica is how far a replica may be behind.
const lateReplica = 5 * time.Minute

func checkReplication(f *facts) []Finding {
	status := f.inside.Replica
	switch {
	case f.config.Replicate == "" && status == nil:
		return found(Warning, "Nothing replicates the database, as far as dashd knows: with the disk, all is lost.", "--replicate file:///mnt/other/dashd, s3://BUCKET/PATH or sftp://USER@HOST/PATH")
	case !f.running:
		return fine // there is nothing to see
	case status == nil:
		return found(Error, "The server that runs does not replicate the database.", "systemctl restart dashd")
	case status.Err != "" && !status.InSync:
		return found(Error, fmt.Sprintf("Replication to %s fails: %s.", status.URL, status.Err), "dashd replica status")
	case status.Lag > lateReplica:
		return found(Error, fmt.Sprintf("The replica at %s is %v behind.", status.URL, status.Lag.Round(time.Second)), "dashd replica status")
	}
	return fine
}

// oldProof is how old the last proof of a backup may be.
const oldProof = 30 * 24 * time.Hour

func checkRestore(f *facts) []Finding {
	h, known := f.holds()
	fix := "dashd restore --check FILE"
	if f.config.Replicate != "" {
		fix = "dashd restore --check " + store.ShownReplica(f.config.Replicate)
	}
	switch at := h.RestoreCheck.At; {
	case !known:
		return fine
	case at.IsZero():
		return found(Warning, "Nobody has tried yet whether a backup can be restored.", fix)
	case f.now.Sub(at) > oldProof:
		return found(Warning, fmt.Sprintf("The last proof that a backup can be restored is of %s.", at.Local().Format(time.DateOnly)), fix)
	}
	return fine
}

// clockSlack is how much the clock may be behind what it has written: other
// machines may have.
const clockSlack = time.Minute

func checkClock(f *facts) []Finding {
	const fix = "Set the clock, and see that it stays right: timedatectl set-ntp true"
	h, _ := f.holds()
	switch {
	case f.now.Before(f.built):
		return found(Error, fmt.Sprintf("The clock says %s, before this program was made.", f.now.Format(time.DateTime)), fix)
	case f.now.Add(clockSlack).Before(h.Newest):
		return found(Error, fmt.Sprintf("The clock says %s, before the last change in the database.", f.now.Format(time.DateTime)), fix)
	}
	return fine
}

// fewFiles is how many connections a server should be able to have.
const fewFiles = 4096

func checkFiles(f *facts) []Finding {
	if n := f.inside.Process.Files; n > 0 && n < fewFiles {
		return found(Warning, fmt.Sprintf("The server may have %d files open; each visitor with a live page needs one.", n), "LimitNOFILE=65536 in the unit, or ulimit -n 65536")
	}
	return fine
}

func checkMemory(f *facts) []Finding {
	if n := f.inside.Process.Memory; n > 0 {
		return found(Info, fmt.Sprintf("The server may use %d MiB of memory.", n>>20), "")
	}
	return found(Info, "The server may use all memory of the machine.", "MemoryMax=512M in the unit, or GOMEMLIMIT=512MiB")
}

func checkUnit(f *facts) []Finding {
	if f.exposure == "" {
		return fine
	}
	return found(Info, fmt.Sprintf("The exposure level of %s is %s, of 10.", unitName, f.exposure), "systemd-analyze security "+unitName)
}

func checkRetention(f *facts) []Finding {
	views := "Views are not counted"
	if !f.config.NoAnalytics {
		views = fmt.Sprintf("Views are counted, without addresses, and kept for %v", days(f.config.AnalyticsKeep))
	}
	return found(Info, fmt.Sprintf("%s; the audit log is kept for %v.", views, days(f.config.AuditKeep)), "--analytics off, --analytics-keep 90d, --audit-keep 90d")
}

// someNames is how many names a sentence has.
const someNames = 10

// some lists the first names of a list.
func some(names []string) string {
	if len(names) <= someNames {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:someNames], ", ") + fmt.Sprintf(" and %d more", len(names)-someNames)
}
