package serve_test

import (
	"io"
	"net"
	"os"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

// gated is a program whose callback waits at a gate: the Unix socket $GATE. It
// answers when the test closes the connection; without a word at once.
func gated() serve.Config {
	a := app.New("Gated")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "value")).Do(func(word string) (string, error) {
		if word == "" {
			return "done", nil
		}
		conn, err := net.Dial("unix", os.Getenv("GATE"))
		if err != nil {
			return "", err
		}
		defer conn.Close()
		_, err = io.Copy(io.Discard, conn)
		return "done", err
	})
	return serve.Config{Apps: []*app.App{a}}
}
