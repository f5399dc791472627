package serve

import (
	"encoding/json"
	"strings"

	"dashd/app"
)

// dashConfig writes _dash-config: section 3 of Dash's protocol.
func (s *Server) dashConfig(m *mount, suites []*app.Suite) (string, error) {
	validation, err := m.app.ValidationLayoutJSON()
	if err != nil {
		return "", err
	}
	children := map[string]map[string][]string{}
	for _, suite := range suites {
		children[suite.Namespace] = suite.ChildrenProps
		if suite.ChildrenProps == nil {
			children[suite.Namespace] = map[string][]string{}
		}
	}
	config := dashConfig{
		RequestsPathnamePrefix:     prefixPlace,
		DisableVersionCheck:        true,
		SuppressCallbackExceptions: m.page.SuppressCallbackExceptions,
		UpdateTitle:                m.page.UpdateTitle,
		ChildrenProps:              children,
		DashVersion:                dashVersion,
		PlotlyVersion:              plotlyVersion,
		CSRFTokenName:              "_csrf_token",
		CSRFHeaderName:             "X-CSRFToken",
		PlotlyjsURL:                s.bundles.url(s.config.BasePath, plotlyPackage, plotlyScript),
		Live:                       s.config.BasePath + s.config.WSRoute,
		ValidationLayout:           validation,
		EndID:                      endIDPlace,
	}
	if config.UpdateTitle == " " {
		config.UpdateTitle = ""
	}
	text, err := json.Marshal(config) // escapes "<", ">" and "&"
	return string(text), err
}

// dashVersion is the version of Dash whose protocol dashd speaks.
const dashVersion = "4.3.0"

// plotlyVersion is plotly.py's that belongs to that Dash.
const plotlyVersion = "6.9.0"

// dashConfigText is _dash-config, cut where each page has its own text: the
// end_id and the prefix.
type dashConfigText [3]string

func newDashConfigText(config string) (t dashConfigText) {
	var rest string
	t[0], rest, _ = strings.Cut(config, endIDPlace)
	t[1], t[2], _ = strings.Cut(rest, `"`+prefixPlace+`"`)
	return t
}

func (t *dashConfigText) with(prefix, endID string) string {
	quoted, _ := json.Marshal(prefix)
	return t[0] + endID + t[1] + string(quoted) + t[2]
}

// dashConfig is _dash-config. Debug off: ui, props_check
// and validate_callbacks are false. Live, which Dash does not have, is where
// the app's pipes connect.
type dashConfig struct {
	EndID                      string                         `json:"end_id"` // these first: the places are found there
	RequestsPathnamePrefix     string                         `json:"requests_pathname_prefix"`
	URLBasePathname            *string                        `json:"url_base_pathname"`
	UI                         bool                           `json:"ui"`
	PropsCheck                 bool                           `json:"props_check"`
	DisableVersionCheck        bool                           `json:"disable_version_check"`
	ShowUndoRedo               bool                           `json:"show_undo_redo"`
	SuppressCallbackExceptions bool                           `json:"suppress_callback_exceptions"`
	UpdateTitle                string                         `json:"update_title"`
	ChildrenProps              map[string]map[string][]string `json:"children_props"`
	ServeLocally               bool                           `json:"serve_locally"`
	DashVersion                string                         `json:"dash_version"`
	PythonVersion              string                         `json:"python_version"`
	DashVersionURL             string                         `json:"dash_version_url"`
	DDKVersion                 *string                        `json:"ddk_version"`
	PlotlyVersion              string                         `json:"plotly_version"`
	ValidateCallbacks          bool                           `json:"validate_callbacks"`
	CSRFTokenName              string                         `json:"csrf_token_name"`
	CSRFHeaderName             string                         `json:"csrf_header_name"`
	PlotlyCloudInstalled       bool                           `json:"plotly_cloud_installed"`
	PlotlyjsURL                string                         `json:"plotlyjs_url"`
	Live                       string                         `json:"live"`
	ValidationLayout           json.RawMessage                `json:"validation_layout,omitempty"`
}

// endIDPlace is where _dash-config gets the end_id of each page: the renderer
// sends it with every callback, so that the server tells pages apart.
const endIDPlace = "{end_id}"

// prefixPlace is where it gets the URL path of the app or instance.
const prefixPlace = "{prefix}"
