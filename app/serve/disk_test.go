package serve_test

import (
	"net/http"
	"strings"
	"testing"

	"dashd/app"
	dash "dashd/app/html"
	"dashd/app/serve"
)

// What the server cannot do at the moment is a failure of the server: the log
// has it, and the administration shows it.
func TestDiskErrors(t *testing.T) {
	for code, status := range map[app.Code]int{app.Full: http.StatusInsufficientStorage, app.Unavailable: http.StatusServiceUnavailable} {
		t.Run(string(code), func(t *testing.T) {
			a := app.New("Writer")
			a.Layout = dash.Div{Children: app.List{dash.Div{ID: "in"}, dash.Div{ID: "out"}}}
			a.Access = app.Public
			a.Callback(app.Output("out", "children"), app.Input("in", "n_clicks")).Do(func(int) (string, error) {
				return "", app.Errorf(code, "Nothing was saved.")
			})
			_, b, log := administer(t, serve.Config{Apps: []*app.App{a}})
			resp := b.open("/app/writer/").post(`{"output":"out.children","outputs":{"id":"out","property":"children"},
				"inputs":[{"id":"in","property":"n_clicks","value":1}],"changedPropIds":["in.n_clicks"]}`)
			wantStatus(t, resp, status)
			if text := bodyOf(t, resp); !strings.HasPrefix(text, `{"error":"Nothing was saved.","id":"`) {
				t.Errorf("the page hears %s", text)
			}
			if text := log.String(); !strings.Contains(text, `"level":"ERROR","msg":"request failed"`) {
				t.Errorf("the log does not tell: %s", text)
			}
			wantPage(t, b.get("/admin/errors/"), http.StatusOK, "Nothing was saved.")
		})
	}
}
