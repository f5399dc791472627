package serve

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"dashd/app"
)

// installFiles are the units and the first configuration, for a program at
// installedBinary. examples/deploy has the same files.
//
//go:embed install
var installFiles embed.FS

// What the units name, and where they are.
const (
	installedBinary  = "/usr/bin/dashd"
	installedConfig  = "/etc/dashd/dashd.json"
	installedData    = "/var/lib/dashd"
	installedAddress = "127.0.0.1:8000"
	unitDir          = "/etc/systemd/system"
	usersDir         = "/etc/sysusers.d"
)

// installCommand is "install".
type installCommand struct {
	Print  bool   `help:"Print the units and write nothing, which is the default." xor:"do"`
	Write  bool   `help:"Write the units, and a first configuration where there is none." xor:"do"`
	Socket bool   `help:"With a socket unit, by which systemd holds the configured address while the server restarts."`
	Root   string `help:"Directory that stands for / when files are written." default:"/" placeholder:"DIR"`
	Binary string `help:"Path of the program in the unit. Default: this program's own." placeholder:"PATH"`
	Force  bool   `help:"Write over units that are there and differ."`
}

// Run prints the units, or writes them and says what comes next.
func (c *installCommand) Run(all *commands, console *console) error {
	config := cmp.Or(all.Config, installedConfig)
	units, err := c.units(config)
	if err != nil {
		return err
	}
	if !c.Write {
		return c.print(units, console)
	}
	if c.Root == "/" {
		if err := hasSystemd(runtime.GOOS, "/run/systemd/system"); err != nil {
			return err
		}
	}
	return c.write(units, config, console)
}

// usersFile describes the service's user.
const usersFile = "dashd.conf"

// unit is a file to install: a unit of systemd, or its description of users.
type unit struct{ name, text string }

// units returns the units of the program, for the configuration file.
func (c *installCommand) units(config string) ([]unit, error) {
	binary, err := c.binary()
	if err != nil {
		return nil, err
	}
	if !path.IsAbs(binary) || !path.IsAbs(config) {
		return nil, app.Errorf(app.Invalid, "A unit names whole paths, which begin with a slash: %s and %s.", binary, config)
	}
	names := map[string]string{installedBinary: unitWord(binary), installedConfig: unitWord(config)}
	if c.Write {
		if dir := hiddenDir(binary); dir != "" {
			return nil, app.Errorf(app.Invalid, "The service would not see %s, because it has no access to %s. Copy the program first: install -m 0755 %[1]s /usr/local/bin/%[3]s", binary, dir, path.Base(binary))
		}
	}
	units := []unit{{"dashd.service", ""}, {usersFile, ""}}
	if c.Socket {
		units = append(units, unit{"dashd.socket", ""})
		if names[installedAddress], err = c.address(config); err != nil {
			return nil, err
		}
	}
	for i := range units {
		if units[i].text, err = installText(units[i].name, names); err != nil {
			return nil, err
		}
	}
	return units, nil
}

// binary is the path of the program.
func (c *installCommand) binary() (string, error) {
	if c.Binary != "" {
		return c.Binary, nil
	}
	if runtime.GOOS != "linux" { // the unit is for another machine
		return installedBinary, nil
	}
	own, err := os.Executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return "", fmt.Errorf("find this program: %w; name it with --binary", err)
	}
	return own, nil
}

// address returns what a socket unit listens on: the address in the
// configuration file, or else what "serve" would take by it, in systemd's words.
func (c *installCommand) address(config string) (string, error) {
	var listen string
	file := filepath.Join(c.Root, config)
	s, err := readSources(file, "", settingNames())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s = new(sources)
	case err != nil:
		return "", err
	case s.values["listen"] != nil:
		if err := json.Unmarshal(s.values["listen"], &listen); err != nil {
			return "", fmt.Errorf("%s: read listen: %w", file, err)
		}
	}
	switch hosts := strings.Trim(string(s.values["acme-host"]), "[]\" \t\r\n"); {
	case listen != "":
	case hosts != "":
		listen = fmt.Sprintf(":%d", acmePort)
	default:
		listen = installedAddress
	}
	if socket, ok := strings.CutPrefix(listen, "unix:"); ok {
		return socket, nil
	}
	host, port, err := net.SplitHostPort(listen)
	if host == "" && err == nil {
		return port, nil
	}
	if _, err := netip.ParseAddrPort(listen); err != nil {
		return "", app.Errorf(app.Invalid, "A socket unit needs an address of numbers, such as %s, not %s.", installedAddress, listen)
	}
	return listen, nil
}

// installText returns one of installFiles with other names in it.
func installText(file string, names map[string]string) (string, error) {
	text, err := installFiles.ReadFile("install/" + file)
	if err != nil {
		return "", fmt.Errorf("read a built-in file: %w", err)
	}
	var pairs []string
	for from, to := range names {
		pairs = append(pairs, from, to)
	}
	return strings.NewReplacer(pairs...).Replace(string(text)), nil
}

// print shows the units. What is not part of them goes to the standard error.
func (c *installCommand) print(units []unit, console *console) error {
	units = slices.DeleteFunc(units, func(u unit) bool { return u.name == usersFile })
	for i, u := range units {
		if i > 0 {
			u.text = "\n" + u.text
		}
		if _, err := fmt.Fprint(console.out, u.text); err != nil {
			return fmt.Errorf("print a unit: %w", err)
		}
	}
	fmt.Fprintf(console.err, "Nothing is written. As root, \"install --write\" writes to %s; \"systemctl enable --now dashd\" comes next.\n", unitDir)
	return nil
}

// write installs the units, and a first configuration where there is none.
func (c *installCommand) write(units []unit, config string, console *console) error {
	for _, u := range units { // before anything is written
		old, err := os.ReadFile(c.at(u))
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && string(old) == u.text, c.Force:
		case err != nil:
			return fmt.Errorf("read a unit that is there: %w", err)
		default:
			return app.Errorf(app.Conflict, "%s is there and differs. Look at what this would write with --print; --force writes over it.", c.at(u))
		}
	}
	if err := c.writeConfig(filepath.Join(c.Root, config), console); err != nil {
		return err
	}
	for _, u := range units {
		if err := writePublic(c.at(u), u.text, os.O_TRUNC); err != nil {
			return fmt.Errorf("write a unit: %w", err)
		}
		fmt.Fprintf(console.out, "wrote %s\n", c.at(u))
	}
	enable := "dashd"
	if c.Socket {
		enable = "dashd.socket dashd.service"
	}
	fmt.Fprintf(console.out, "Next:\n  systemd-sysusers\n  systemctl daemon-reload\n  systemctl enable --now %s\n  journalctl -u dashd    # has the link that makes the first user\n", enable)
	return nil
}

// at is where a unit is written.
func (c *installCommand) at(u unit) string {
	if u.name == usersFile {
		return filepath.Join(c.Root, usersDir, u.name)
	}
	return filepath.Join(c.Root, unitDir, u.name)
}

// writeConfig writes the first configuration, unless there is one.
func (c *installCommand) writeConfig(file string, console *console) error {
	text, err := installText("dashd.json", nil)
	if err != nil {
		return err
	}
	switch err := writePublic(file, text, os.O_EXCL); {
	case errors.Is(err, fs.ErrExist):
		fmt.Fprintf(console.out, "kept %s\n", file)
	case err != nil:
		return fmt.Errorf("write the configuration: %w", err)
	default:
		fmt.Fprintf(console.out, "wrote %s\n", file)
	}
	return nil
}

// writePublic writes a file that everybody may read, as the service's user has
// to, whatever the umask is; how is os.O_EXCL or os.O_TRUNC.
func writePublic(file, text string, how int) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Chmod(0o644), f.Close())
}

// hasSystemd returns why units are of no use on this system, or nil.
func hasSystemd(system, runDir string) error {
	instead := "Print the units for another machine with --print, write them below its root with --root, or let this system's own supervisor run: dashd serve --config " + installedConfig
	if system != "linux" {
		return app.Errorf(app.Invalid, "Units are for systemd, on Linux, and this is %s. %s", system, instead)
	}
	if _, err := os.Stat(runDir); err != nil {
		return app.Errorf(app.Invalid, "Units are for systemd, which does not run here. %s", instead)
	}
	return nil
}

// hiddenDir returns the directory by which the unit hides a program, or "".
func hiddenDir(binary string) string {
	for _, dir := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"} {
		if strings.HasPrefix(path.Clean(binary), dir+"/") {
			return dir
		}
	}
	return ""
}

// unitWord writes a path as a word of a command in a unit.
func unitWord(text string) string {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(text)
	if strings.ContainsAny(text, " \t'\"\\;") {
		return `"` + text + `"`
	}
	return text
}
