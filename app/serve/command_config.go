package serve

import (
	"cmp"
	"os"

	"github.com/alecthomas/kong"
)

// configCommand is "config".
type configCommand struct {
	settings `embed:""`

	JSON bool `help:"Print JSON."`
}

// settingRow is a setting in force.
type settingRow struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // "flag", a variable, the file, "program" or "default"
}

// Run prints the settings.
func (c *configCommand) Run(i *invocation, parsed *kong.Context, console *console) error {
	rows, err := i.settingRows(parsed, &c.settings)
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(rows)
	}
	table := [][]string{{"SETTING", "VALUE", "SOURCE"}}
	for _, row := range rows {
		table = append(table, []string{row.Name, row.Value, row.Source})
	}
	return console.table(table)
}

// settingRows lists the settings in force.
func (i *invocation) settingRows(parsed *kong.Context, c *settings) (rows []settingRow, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	config, err := i.config(c).withDefaults()
	if err != nil {
		return nil, err
	}
	program, err := i.program.withDefaults()
	if err != nil {
		return nil, err
	}
	program.Data = cmp.Or(program.Data, defaultData)
	bare, err := Config{Data: defaultData}.withDefaults()
	if err != nil {
		return nil, err
	}
	inForce, own, byDefault := c.effective(config), new(settings).effective(program), new(settings).effective(bare)
	for _, name := range settingNames() {
		source := i.sourceOf(parsed, name)
		if source == "" {
			source = "default"
			if own[name] != byDefault[name] {
				source = "program"
			}
		}
		rows = append(rows, settingRow{name, inForce[name], source})
	}
	return rows, nil
}

// sourceOf tells from where a setting comes; "" when nobody has set it.
func (i *invocation) sourceOf(parsed *kong.Context, name string) string {
	for _, path := range parsed.Path {
		if path.Flag != nil && path.Flag.Name == name && !path.Resolved {
			return "--" + name
		}
	}
	if source := i.sources.from[name]; source != "" {
		return source
	}
	switch {
	case name == "listen" && os.Getenv("PORT") != "":
		return "PORT"
	case name == "data" && os.Getenv("STATE_DIRECTORY") != "":
		return "STATE_DIRECTORY"
	}
	return ""
}
