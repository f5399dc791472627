//go:build unix

// Package deploy_test tries the files by which dashd is deployed, as far as this
// goes without root and without a container engine.
package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"dashd/app/serve"
	"dashd/examples/demo"
)

// TestMain makes this test the program "dashd", which the tests run by name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dashd": func() { serve.Main(demo.Config()) }})
}

// TestInstall holds that the units here are those that "dashd install" knows.
func TestInstall(t *testing.T) {
	printed := run(t, nil, "dashd", "install", "--binary", "/usr/bin/dashd", "--socket")
	if diff := cmp.Diff(printed, read(t, "dashd.service")+"\n"+read(t, "dashd.socket")); diff != "" {
		t.Errorf("install prints other units (-printed +here); copy app/serve/install/* here:\n%s", diff)
	}
	root := t.TempDir()
	run(t, nil, "dashd", "install", "--binary", "/usr/bin/dashd", "--write", "--root", root)
	if diff := cmp.Diff(read(t, filepath.Join(root, "etc/dashd/dashd.json")), read(t, "dashd.json")); diff != "" {
		t.Errorf("install writes another configuration (-written +here):\n%s", diff)
	}
}

// TestConfiguration holds that the first configuration is one, and that what
// stands in front of dashd finds it.
func TestConfiguration(t *testing.T) {
	listen := settings(t, nil, "--config", "dashd.json")["listen"]
	for file, line := range map[string]string{
		"dashd.socket": "ListenStream=" + listen,
		"nginx.conf":   "server " + listen + ";",
		"Caddyfile":    "reverse_proxy " + listen + " {",
	} {
		if !strings.Contains(read(t, file), line) {
			t.Errorf("%s has no line %q", file, line)
		}
	}
}

// TestProcfiles holds that platforms with a Procfile find the program, and that
// it listens where they want it.
func TestProcfiles(t *testing.T) {
	for folder, program := range map[string]string{".": "./dashd", "../custom": "./custom"} {
		command := strings.Fields(strings.TrimPrefix(read(t, filepath.Join(folder, "Procfile")), "web: "))
		if len(command) != 2 || command[0] != program || command[1] != "serve" {
			t.Errorf("in %s the command is %q", folder, command)
		}
	}
	if got := settings(t, []string{"PORT=4321"})["listen"]; got != ":4321" {
		t.Errorf("with PORT, dashd listens on %q", got)
	}
}

// image is what Dockerfile says of the image.
type image struct {
	env     []string
	command []string // entrypoint and command
	health  []string
}

// TestDockerfile holds that the image is built from files that are there, and
// what a person relies on: nothing but dashd, not root, a volume and a port.
func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	for _, line := range dockerLines(text) {
		words := strings.Fields(line)
		if words[0] != "COPY" || strings.HasPrefix(words[1], "--from=") {
			continue
		}
		for _, source := range words[1 : len(words)-1] {
			if _, err := os.Stat(filepath.Join("../..", source)); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	_, last, _ := strings.Cut(text, "FROM scratch")
	for _, want := range []string{"\nUSER 65532:65532\n", "\nVOLUME /data\n", "\nEXPOSE 8000\n", "/out/dashd /dashd\n"} {
		if !strings.Contains(last, want) {
			t.Errorf("the image from scratch lacks %q", want)
		}
	}
	image := readImage(t)
	if !slices.Equal(image.command, []string{"/dashd", "serve"}) || !slices.Equal(image.health, []string{"/dashd", "health"}) {
		t.Errorf("the image is %+v", image)
	}
	if s := settings(t, image.env); s["listen"] != ":8000" || s["data"] != "/data" {
		t.Errorf("in the image, dashd listens on %q and has its data in %q", s["listen"], s["data"])
	}
}

// TestCompose runs what compose.yaml says as a plain process, and asks it what
// a browser and the health check on the host ask.
func TestCompose(t *testing.T) {
	service := lookup(t, "compose.yaml", 0, "services", "dashd").(map[string]any)
	file := lookup(t, "compose.yaml", 0, "services", "dashd", "build", "dockerfile").(string)
	if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
		t.Error(err)
	}
	image := readImage(t)
	env := image.env
	for name, value := range service["environment"].(map[string]any) {
		env = append(env, name+"="+value.(string))
	}
	inside := settings(t, env)
	if got := service["ports"].([]any)[0]; got != "127.0.0.1:8000"+inside["listen"] {
		t.Errorf("the port %v does not lead to %s", got, inside["listen"])
	}
	if got := service["volumes"].([]any)[0]; got != "data:"+inside["data"] {
		t.Errorf("the volume %v is not for %s", got, inside["data"])
	}
	for name, want := range map[string]any{"read_only": "true", "cap_drop": []any{"ALL"}, "security_opt": []any{"no-new-privileges:true"}} {
		if diff := cmp.Diff(service[name], want); diff != "" {
			t.Errorf("%s (-is +want):\n%s", name, diff)
		}
	}
	if inside["public-url"] != "http://localhost:8000" {
		t.Errorf("the set-up link leads to %s", inside["public-url"])
	}

	// The same at a free port and with a directory for the test.
	env = append(env, "DASHD_DATA="+t.TempDir(), "DASHD_LISTEN=127.0.0.1:0")
	command := []string{image.command[0]}
	for _, word := range service["command"].([]any) {
		command = append(command, word.(string))
	}
	url := start(t, env, command)
	page := get(t, http.DefaultClient, strings.Replace(url, "127.0.0.1", "localhost", 1))
	if page.StatusCode != http.StatusOK {
		t.Errorf("the host is answered by %s", page.Status)
	}
	test := lookup(t, "compose.yaml", 0, "services", "dashd", "healthcheck", "test").([]any)
	if test[0] != "CMD" || test[1] != image.health[0] || test[2] != image.health[1] {
		t.Errorf("the health check is %q", test)
	}
	run(t, env, "dashd", image.health[1:]...)
}

// TestKubernetes holds what the manifest must say for one dashd that keeps its
// data and runs where the "restricted" standard is enforced.
func TestKubernetes(t *testing.T) {
	const claim, deployment, service = 0, 1, 2
	const file = "kubernetes.yaml"
	pod := []any{"spec", "template", "spec"}
	container := append(slices.Clone(pod), "containers", 0)
	for _, test := range []struct {
		document int
		path     []any
		want     any
	}{
		{claim, []any{"kind"}, "PersistentVolumeClaim"},
		{deployment, []any{"kind"}, "Deployment"},
		{service, []any{"kind"}, "Service"},
		{deployment, []any{"spec", "replicas"}, "1"},
		{deployment, []any{"spec", "strategy", "type"}, "Recreate"},
		{deployment, append(pod, "securityContext", "runAsNonRoot"), "true"},
		{deployment, append(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault"},
		{deployment, append(pod, "enableServiceLinks"), "false"},
		{deployment, append(pod, "volumes", 0, "persistentVolumeClaim", "claimName"), lookup(t, file, claim, "metadata", "name")},
		{deployment, append(container, "securityContext", "allowPrivilegeEscalation"), "false"},
		{deployment, append(container, "securityContext", "readOnlyRootFilesystem"), "true"},
		{deployment, append(container, "securityContext", "capabilities", "drop"), []any{"ALL"}},
		{deployment, append(container, "livenessProbe", "httpGet", "path"), "/healthz"},
		{deployment, append(container, "readinessProbe", "httpGet", "path"), "/readyz"},
		{deployment, append(container, "readinessProbe", "httpGet", "port"), lookup(t, file, deployment, append(container, "ports", 0, "name")...)},
		{service, []any{"spec", "ports", 0, "targetPort"}, lookup(t, file, deployment, append(container, "ports", 0, "name")...)},
		{service, []any{"spec", "selector"}, lookup(t, file, deployment, "spec", "template", "metadata", "labels")},
		{deployment, []any{"spec", "selector", "matchLabels"}, lookup(t, file, deployment, "spec", "template", "metadata", "labels")},
	} {
		if diff := cmp.Diff(lookup(t, file, test.document, test.path...), test.want); diff != "" {
			t.Errorf("%v (-is +want):\n%s", test.path, diff)
		}
	}
	var env []string
	for _, entry := range lookup(t, file, deployment, append(container, "env")...).([]any) {
		entry := entry.(map[string]any)
		env = append(env, entry["name"].(string)+"="+entry["value"].(string))
	}
	inside := settings(t, env)
	mount := lookup(t, file, deployment, append(container, "volumeMounts", 0, "mountPath")...).(string)
	if !strings.HasPrefix(inside["data"], mount+"/") {
		t.Errorf("the data is in %s, and the volume at %s", inside["data"], mount)
	}
	if port := lookup(t, file, deployment, append(container, "ports", 0, "containerPort")...).(string); inside["listen"] != ":"+port {
		t.Errorf("dashd listens on %s, and the port is %s", inside["listen"], port)
	}

	// The probes, with the address of a pod as the host.
	url := start(t, append(env, "DASHD_LISTEN=127.0.0.1:0", "DASHD_SHUTDOWN_DELAY=0s", "DASHD_DATA="+t.TempDir()), []string{"dashd", "serve"})
	for _, path := range []string{"healthz", "readyz"} {
		if answer := get(t, http.DefaultClient, url+path); answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", path, answer.Status)
		}
	}
}

// TestPackageFiles holds that the package is made of files that are there, with
// the modes that they need.
func TestPackageFiles(t *testing.T) {
	built := []string{"${BINARY}", "dist/LICENSES.txt"} // by make
	for _, entry := range lookup(t, "nfpm.yaml", 0, "contents").([]any) {
		entry := entry.(map[string]any)
		source, target := entry["src"].(string), entry["dst"].(string)
		if _, err := os.Stat(filepath.Join("../..", source)); err != nil && !slices.Contains(built, source) {
			t.Error(err)
		}
		mode, isConfig := "0644", strings.HasPrefix(target, "/etc/")
		if strings.HasPrefix(target, "/usr/bin/") {
			mode = "0755"
		}
		if got := entry["file_info"].(map[string]any)["mode"]; got != mode {
			t.Errorf("%s has the mode %v", target, got)
		}
		if (entry["type"] == "config|noreplace") != isConfig {
			t.Errorf("%s has the type %v", target, entry["type"])
		}
	}
	for _, script := range lookup(t, "nfpm.yaml", 0, "scripts").(map[string]any) {
		run(t, nil, "sh", "-n", filepath.Join("../..", script.(string)))
	}
}

// TestPackageScripts runs the package's scripts on a root of their own, with
// stubs that note what is asked of systemd.
func TestPackageScripts(t *testing.T) {
	const enable = "deb-systemd-helper unmask dashd.service\ndeb-systemd-helper --quiet was-enabled dashd.service\ndeb-systemd-helper enable dashd.service\n"
	const reload = "systemctl --system daemon-reload\n"
	for _, test := range []struct {
		script  string
		args    []string
		systemd bool
		want    string
	}{
		{"postinst", []string{"configure", ""}, true, enable + reload + "deb-systemd-invoke start dashd.service\n"},
		{"postinst", []string{"configure", "1.0"}, true, enable + reload + "deb-systemd-invoke restart dashd.service\n"},
		{"postinst", []string{"configure", ""}, false, enable},
		{"postinst", []string{"triggered", "x"}, true, ""},
		{"prerm", []string{"remove"}, true, "deb-systemd-invoke stop dashd.socket dashd.service\n"},
		{"prerm", []string{"remove"}, false, ""},
		{"prerm", []string{"upgrade", "2.0"}, true, ""},
		{"postrm", []string{"remove"}, true, reload},
		{"postrm", []string{"upgrade", "2.0"}, true, ""},
		{"postrm", []string{"purge"}, true, "deb-systemd-helper purge dashd.socket dashd.service\n"},
	} {
		t.Run(test.script+" "+strings.Join(test.args, " "), func(t *testing.T) {
			root, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
			stubs := t.TempDir()
			for _, name := range []string{"systemctl", "deb-systemd-helper", "deb-systemd-invoke"} {
				write(t, filepath.Join(stubs, name), "#!/bin/sh\necho \"${0##*/} $*\" >> \""+log+"\"\n", 0o755)
			}
			kept := []string{"etc/dashd/dashd.json", "var/lib/private/dashd/dashd.db", "var/cache/private/dashd/x"}
			for _, file := range kept {
				write(t, filepath.Join(root, file), "", 0o600)
			}
			for _, dir := range []string{"lib", "cache"} {
				if err := os.Symlink("private/dashd", filepath.Join(root, "var", dir, "dashd")); err != nil {
					t.Fatal(err)
				}
			}
			if test.systemd {
				write(t, filepath.Join(root, "run/systemd/system/x"), "", 0o600)
			}
			write(t, log, "", 0o600)
			run(t, []string{"DPKG_ROOT=" + root, "PATH=" + stubs + ":" + os.Getenv("PATH")}, "sh", append([]string{filepath.Join("debian", test.script)}, test.args...)...)
			if diff := cmp.Diff(read(t, log), test.want); diff != "" {
				t.Errorf("it asks systemd (-is +want):\n%s", diff)
			}
			purged := test.args[0] == "purge"
			for _, file := range append(kept, "var/lib/dashd", "etc/dashd") {
				if _, err := os.Lstat(filepath.Join(root, file)); (err != nil) != purged {
					t.Errorf("%s: %v", file, err)
				}
			}
		})
	}
}

// dockerLines are the instructions of a Dockerfile.
func dockerLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// readImage reads Dockerfile.
func readImage(t *testing.T) (i image) {
	t.Helper()
	list := regexp.MustCompile(`\[.*\]$`)
	for _, line := range dockerLines(read(t, "Dockerfile")) {
		words := strings.Fields(line)
		var command []string
		if text := list.FindString(line); text != "" {
			if err := json.Unmarshal([]byte(text), &command); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		switch words[0] {
		case "ENV":
			i.env = append(i.env, words[1:]...)
		case "HEALTHCHECK":
			i.health = command
		case "ENTRYPOINT", "CMD":
			i.command = append(i.command, command...)
		}
	}
	return i
}

// lookup returns a value of a YAML file: names lead through maps, numbers
// through lists.
func lookup(t *testing.T, file string, document int, path ...any) any {
	t.Helper()
	documents, err := readYAML(read(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	value := documents[document]
	for _, step := range path {
		switch step := step.(type) {
		case int:
			value = value.([]any)[step]
		case string:
			m, _ := value.(map[string]any)
			if value = m[step]; value == nil {
				t.Fatalf("%s: there is no %v", file, path)
			}
		}
	}
	return value
}

// settings returns the settings in force with the variables and flags.
func settings(t *testing.T, env []string, args ...string) map[string]string {
	t.Helper()
	var rows []struct{ Name, Value string }
	if err := json.Unmarshal([]byte(run(t, env, "dashd", append([]string{"config", "--json"}, args...)...)), &rows); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, row := range rows {
		settings[row.Name] = row.Value
	}
	return settings
}

// run runs a program that must succeed, and returns what it prints.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ(env), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

// environ is the environment of a program, without what could be meant for
// another dashd.
func environ(env []string) []string {
	own := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "DASHD_") || strings.HasPrefix(entry, "PORT=") || strings.HasPrefix(entry, "STATE_DIRECTORY=")
	})
	return append(own, env...)
}

// start runs a server until the test ends, and returns its URL. The command's
// program is dashd, whatever its path.
func start(t *testing.T, env, command []string) string {
	t.Helper()
	if filepath.Base(command[0]) != "dashd" {
		t.Fatalf("the program is %s", command[0])
	}
	server := exec.Command("dashd", append(command[1:], "--log-format", "json")...)
	server.Env = environ(env)
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stderr)
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for log.Scan() { // until the server has closed its end
		}
		if err := server.Wait(); err != nil {
			t.Errorf("the server ends with %v", err)
		}
	})
	var seen strings.Builder
	for log.Scan() {
		var line struct{ Msg, URL string }
		if json.Unmarshal(log.Bytes(), &line) == nil && line.Msg == "serving" {
			return line.URL
		}
		seen.WriteString(log.Text() + "\n")
	}
	t.Fatalf("the server did not start:\n%s", &seen)
	return ""
}

// get asks for a page and returns the answer, whose body is read.
func get(t *testing.T, client *http.Client, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write writes a file, and the directories that lead to it.
func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatalf("write %s: %v", strconv.Quote(file), err)
	}
}
