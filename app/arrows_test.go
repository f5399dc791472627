package app_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows are the imports that the packages may have among themselves, and the
// modules that the light ones may have. A package may import what its line
// names and what lies below that.
var arrows = map[string]struct {
	ours   []string
	others []string // nil: any
}{
	"dashd":                            {ours: []string{"dashd/examples", "dashd/app/serve"}},
	"dashd/app":                        {others: []string{"golang.org/x/text"}},
	"dashd/app/html":                   {ours: []string{"dashd/app"}, others: []string{}},
	"dashd/app/dcc":                    {ours: []string{"dashd/app"}, others: []string{}},
	"dashd/app/table":                  {ours: []string{"dashd/app"}, others: []string{}},
	"dashd/app/dbc":                    {ours: []string{"dashd/app"}, others: []string{}},
	"dashd/app/dpd":                    {ours: []string{"dashd/app"}, others: []string{}},
	"dashd/app/apptest":                {ours: []string{"dashd/app"}, others: []string{}},
	"dashd/app/generate":               {others: []string{}},
	"dashd/app/serve":                  {ours: []string{"dashd/app", "dashd/app/html", "dashd/app/dcc", "dashd/app/table", "dashd/app/dbc", "dashd/app/dpd", "dashd/store", "dashd/live", "dashd/views", "dashd/static", "dashd/migrations"}},
	"dashd/store":                      {ours: []string{"dashd/app", "dashd/migrations"}},
	"dashd/live":                       {others: []string{"github.com/coder/websocket"}},
	"dashd/views":                      {ours: []string{"dashd/app"}},
	"dashd/static":                     {others: []string{}},
	"dashd/static/fetch":               {},
	"dashd/migrations":                 {others: []string{}},
	"dashd/examples/bench":             {ours: []string{"dashd/app", "dashd/app/html", "dashd/app/dcc", "dashd/app/dpd", "dashd/app/serve", "dashd/static", "dashd/examples/simple"}},
	"dashd/examples":                   {ours: []string{"dashd/app", "dashd/app/html", "dashd/app/dcc", "dashd/app/table", "dashd/app/dbc", "dashd/app/dpd", "dashd/app/serve", "dashd/views", "dashd/examples"}},
	"dashd/examples/network/cytoscape": {ours: []string{"dashd/app"}},
}

// TestArrows holds the import arrows, so that an app and its tests stay light
// to compile.
func TestArrows(t *testing.T) {
	list := exec.Command("go", "list", "-json=ImportPath,Imports", "dashd/...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	packages := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("read the list of packages: %v", err)
		}
		packages++
		rule, ok := arrows[pkg.ImportPath]
		for parent := pkg.ImportPath; !ok && strings.Contains(parent, "/"); {
			parent = parent[:strings.LastIndexByte(parent, '/')]
			if parent == "dashd" {
				break
			}
			rule, ok = arrows[parent]
		}
		if !ok {
			t.Errorf("%s: no rule says what this package may import", pkg.ImportPath)
			continue
		}
		for _, path := range pkg.Imports {
			switch module, _, _ := strings.Cut(path, "/"); {
			case path == "dashd" || module == "dashd":
				under := func(allowed string) bool {
					return path == allowed || strings.HasPrefix(path, allowed+"/") && allowed == "dashd/examples"
				}
				if !slices.ContainsFunc(rule.ours, under) {
					t.Errorf("%s imports %s, which no arrow permits", pkg.ImportPath, path)
				}
			case strings.Contains(module, ".") && rule.others != nil:
				if !slices.ContainsFunc(rule.others, func(allowed string) bool { return strings.HasPrefix(path, allowed) }) {
					t.Errorf("%s imports %s; it is to stay light", pkg.ImportPath, path)
				}
			}
		}
	}
	if packages < 10 {
		t.Fatalf("only %d packages were listed", packages)
	}
}
