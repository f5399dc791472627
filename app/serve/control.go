package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"dashd/app"
)

// operation is what a command asks of a server: JSON in, JSON out. It is the
// same for a command that opens the data directory itself and for one that
// speaks to a running server.
type operation func(ctx context.Context, s *Server, args []byte) (result []byte, err error)

// operate makes an operation of a function.
func operate[Args, Result any](do func(ctx context.Context, s *Server, args Args) (Result, error)) operation {
	return func(ctx context.Context, s *Server, text []byte) ([]byte, error) {
		var args Args
		if err := json.Unmarshal(text, &args); err != nil {
			return nil, app.Errorf(app.Invalid, "The arguments cannot be read: %v", err)
		}
		result, err := do(ctx, s, args)
		if err != nil {
			return nil, err
		}
		return json.Marshal(result)
	}
}

// nothing is the result of an operation that has none.
type nothing struct{}

// operations are all operations by name.
var operations = func() map[string]operation {
	all := map[string]operation{}
	for _, part := range []map[string]operation{instanceOperations, userOperations, groupOperations, appOperations, pokeOperations, tokenOperations, embedOperations, analyticsOperations, auditOperations, backupOperations, checkOperations, healthOperations} {
		maps.Copy(all, part)
	}
	return all
}()

// operate runs an operation by name.
func (s *Server) operate(ctx context.Context, name string, args []byte) ([]byte, error) {
	do, ok := operations[name]
	if !ok {
		return nil, app.Errorf(app.NotFound, "The running server does not know %q: it is of another version. Restart it with this one.", name)
	}
	return s.operateAudited(ctx, name, args, do)
}

// controlError is the answer of an operation that failed.
type controlError struct {
	Error string   `json:"error"`
	Code  app.Code `json:"code"`
}

// maxControl bounds the body of a request, and of an answer, in bytes.
const maxControl = 256 << 20

// control serves the operations: POST /<name> with the arguments. Whoever may
// open the socket may do everything, and reads the text of all errors.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err == nil {
		by := doer{name: byCommand, address: r.RemoteAddr}
		text, err = s.operate(by.in(r.Context()), strings.TrimPrefix(r.URL.Path, "/"), text)
	}
	status := http.StatusOK
	if err != nil {
		code := app.ErrorCode(err)
		if status = statuses[code]; status == 0 {
			status = http.StatusInternalServerError
		}
		text, _ = json.Marshal(controlError{sentence(err), code}) // two strings
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(text) // the command may have been interrupted
}

// socketName is the socket in the data directory at which a running server
// takes commands.
const socketName = "dashd.sock"

// listenControl listens at the socket in the data directory, which is locked:
// a socket that is there was left by a server that was killed.
func (s *Server) listenControl() (net.Listener, error) {
	path := filepath.Join(s.config.Data, socketName)
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	short, done, err := shortPath(path)
	if err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	defer done()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	listener.SetUnlinkOnClose(false) // by the short path, which is gone
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("make the socket for commands private: %w", err)
	}
	return peers{listener}, nil
}

// peers is a listener whose connections tell who has opened them, as their
// remote address.
type peers struct{ *net.UnixListener }

// Accept implements [net.Listener].
func (l peers) Accept() (net.Conn, error) {
	conn, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	p := peer{UnixConn: conn}
	if name := peerName(conn); name != "" {
		p.address = onThisMachine(name)
	}
	return p, nil
}

type peer struct {
	*net.UnixConn
	address string
}

// RemoteAddr implements [net.Conn].
func (p peer) RemoteAddr() net.Addr { return &net.UnixAddr{Name: p.address, Net: "unix"} }

func removeSocket(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket for commands: %w", err)
	}
	return nil
}

// dialControl connects to the socket in a data directory.
func dialControl(ctx context.Context, dir string) (net.Conn, error) {
	short, done, err := shortPath(filepath.Join(dir, socketName))
	if err != nil {
		return nil, err
	}
	defer done()
	return new(net.Dialer).DialContext(ctx, "unix", short)
}

// longestSocket is the longest path that every system takes for a socket.
const longestSocket = 103

// shortPath returns a path of a socket that the system takes, until done is
// called: where its own is too long, one by a link in a private directory.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) <= longestSocket {
		return path, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "dashd")
	if err != nil {
		return "", nil, fmt.Errorf("shorten the path of a socket: %w", err)
	}
	done = func() { _ = os.RemoveAll(dir) }
	abs, err := filepath.Abs(filepath.Dir(path))
	if err == nil {
		err = os.Symlink(abs, filepath.Join(dir, "d"))
	}
	if err != nil {
		done()
		return "", nil, fmt.Errorf("shorten the path of a socket: %w", err)
	}
	return filepath.Join(dir, "d", filepath.Base(path)), done, nil
}
