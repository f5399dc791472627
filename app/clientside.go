package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// clientside names a function that runs in the browser.
type clientside struct {
	Namespace string `json:"namespace"`
	Function  string `json:"function_name"`

	source string // of an inline function
}

// inlineNamespace is where the renderer looks for inline functions.
const inlineNamespace = "_dashprivate_clientside_funcs"

// JS gives the callback a JavaScript function, which runs in the browser and
// asks no server:
//
//	a.Callback(app.Output("mirror", "children"), app.Input("text", "value")).
//		JS(`text => (text || "").toUpperCase()`)
//
// It takes the Inputs, then the States, and returns the Output, or a list of
// the Outputs. window.dash_clientside has no_update, PreventUpdate, set_props,
// callback_context and Patch.
func (c *Callback) JS(function string) {
	sum := sha256.Sum256([]byte(function))
	c.browser = &clientside{Namespace: inlineNamespace, Function: hex.EncodeToString(sum[:]), source: function}
	c.doCalls++
}

// ClientsideFunction is [Callback.JS] for a function that a script of the
// app's Assets defines as window.dash_clientside[namespace][name].
func (c *Callback) ClientsideFunction(namespace, name string) {
	c.browser = &clientside{Namespace: namespace, Function: name}
	c.doCalls++
}

// clientsideScript is the script that defines the inline functions, each once,
// or nil when there is none.
func clientsideScript(callbacks []*Callback) []byte {
	var b bytes.Buffer
	defined := map[string]bool{}
	for _, c := range callbacks {
		if c.browser == nil || c.browser.source == "" || defined[c.browser.Function] {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("(function () {\n" +
				"var clientside = window.dash_clientside = window.dash_clientside || {};\n" +
				"var functions = clientside." + inlineNamespace + " = clientside." + inlineNamespace + " || {};\n")
		}
		defined[c.browser.Function] = true
		b.WriteString("functions[\"" + c.browser.Function + "\"] = " + c.browser.source + "\n;\n")
	}
	if b.Len() > 0 {
		b.WriteString("})();\n")
	}
	return b.Bytes()
}
