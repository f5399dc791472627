package serve

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// entrance is a listener of the server.
type entrance struct {
	net.Listener
	admin bool        // for Server.AdminHandler
	tls   *tls.Config // nil for plain HTTP
}

// Permissions of the sockets that the server makes. Whoever is on the machine
// may speak to it, as with a port of the loopback address; a directory around
// the socket can say otherwise. The operators' own is for user and group.
const (
	socketMode      = 0o666
	adminSocketMode = 0o660
)

// listen opens the addresses of the settings, but for those for which systemd
// has given sockets. It returns all entrances, also those it was given; with an
// error, it has closed its own.
func (c *settings) listen(given []entrance, log *slog.Logger) (all []entrance, err error) {
	all = slices.Clip(given)
	for _, a := range []struct {
		flag, address string
		admin         bool
		mode          fs.FileMode
	}{{"--listen", c.address(), false, socketMode}, {"--admin-listen", c.AdminListen, true, adminSocketMode}} {
		isGiven := slices.ContainsFunc(given, func(e entrance) bool { return e.admin == a.admin })
		switch {
		case isGiven && (a.admin && c.AdminListen != "" || !a.admin && c.Listen != ""):
			log.Info("systemd has opened the sockets, so the address is not used", "flag", a.flag, "address", a.address)
			continue
		case isGiven || a.address == "":
			continue
		}
		listener, err := listen(a.address, a.mode, a.flag)
		if err != nil {
			closeAll(all)
			return given, err
		}
		all = append(all, entrance{Listener: listener, admin: a.admin})
	}
	return all, nil
}

// listen opens an address: host:port, or unix:PATH. The flag is for the errors.
func listen(address string, mode fs.FileMode, flag string) (net.Listener, error) {
	var listener net.Listener
	var err error
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		address = path
		listener, err = listenUnix(path, mode)
	} else {
		listener, err = net.Listen("tcp", address)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: another program has this address; stop it, or give another with %s: %w", address, flag, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES) && listener == nil:
		return nil, fmt.Errorf("listen on %s: this user may not; a port below 1024 can come from a socket unit of systemd (dashd install --socket), or else give another address with %s: %w", address, flag, syscall.EACCES)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener, nil
}

// listenUnix makes a Unix socket. One that nobody answers at was left by a
// server that was killed, and is replaced.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > longestSocket {
		return nil, fmt.Errorf("the path of a socket has at most %d characters", longestSocket)
	}
	listener, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && isAbandoned(path) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket of a server that was killed: %w", err)
		}
		listener, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("set the permissions of the socket: %w", err)
	}
	return listener, nil
}

// isAbandoned reports whether path is a socket that nobody listens at.
func isAbandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = conn.Close()
	return false
}

// firstInherited is the number of the first file that systemd hands on.
const firstInherited = 3

// inheritSockets returns the sockets that systemd has opened for this process. Those
// that are named "admin" are for operators.
func inheritSockets() (entrances []entrance, err error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil // for another process, or none
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || count < 0 {
		return nil, fmt.Errorf("LISTEN_FDS is not a number of sockets: %q", os.Getenv("LISTEN_FDS"))
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range count {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		file := os.NewFile(uintptr(firstInherited+i), name)
		listener, err := net.FileListener(file) // has a copy, which children do not inherit
		_ = file.Close()
		if err != nil {
			closeAll(entrances)
			return nil, fmt.Errorf("take socket %d of systemd %q, which must be a stream that is listened at: %w", firstInherited+i, name, err)
		}
		entrances = append(entrances, entrance{Listener: listener, admin: name == "admin"})
	}
	return entrances, nil
}

func closeAll(entrances []entrance) {
	for _, e := range entrances {
		_ = e.Close() // it may be closed
	}
}

// url is where visitors find the server on this machine, with the base path.
func (r *serving) url(entrances []entrance) string {
	first := entrances[slices.IndexFunc(entrances, func(e entrance) bool { return !e.admin })]
	address, ok := first.Addr().(*net.TCPAddr)
	if !ok {
		return "unix:" + first.Addr().String()
	}
	host, scheme, usual := address.IP.String(), "http", 80
	if address.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	if first.tls != nil {
		scheme, usual = "https", 443
		if len(r.ACMEHost) > 0 {
			host = r.ACMEHost[0]
		}
	}
	if address.Port == usual {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host + r.started.BasePath
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(address.Port)) + r.started.BasePath
}
