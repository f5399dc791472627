package serve

import (
	"context"

	"github.com/alecthomas/kong"
)

// checkCommand is "check". It has the settings of "serve", to check what that
// would do.
type checkCommand struct {
	settings    `embed:""`
	checkReport `embed:""`

	Deploy bool `help:"Check also what matters for a server that others reach."`
	List   bool `help:"List the checks."`
}

// Run checks.
func (c *checkCommand) Run(ctx context.Context, i *invocation, parsed *kong.Context, console *console) error {
	if c.List {
		return c.list(console, i.program.Checks)
	}
	var all findings
	f := c.gather(ctx, i, parsed)
	for _, check := range inspections {
		if check.deploy && !c.Deploy {
			continue
		}
		for _, finding := range check.look(f) {
			finding.ID = check.id
			all = append(all, finding)
		}
	}
	for _, check := range i.program.Checks {
		if !check.Deploy || c.Deploy {
			all = append(all, check.run(ctx)...)
		}
	}
	return c.print(console, all)
}

// isCheck reports whether a command line, which makes sense as such, is of
// "check".
func isCheck(parsed *kong.Context) bool {
	return parsed != nil && parsed.Error == nil && parsed.Selected() != nil && parsed.Selected().Name == "check"
}

// printUnread prints what "check" has found where the settings cannot be read,
// which keeps it from looking at anything else. It returns the command's error.
func printUnread(parsed *kong.Context, console *console, err error) error {
	var report checkReport
	for _, flag := range parsed.Selected().Flags {
		if flag.Name == "json" {
			report.JSON = parsed.FlagValue(flag).(bool)
		}
	}
	return report.print(console, findings{{ID: "config", Severity: Error, Problem: sentence(err), Fix: "Mend the file, the variable or the flag, or name another file with --config."}})
}

// checkRow is a row of "check --list".
type checkRow struct {
	ID     string `json:"id"`
	Deploy bool   `json:"deploy"`
	About  string `json:"about"`
}

func (c *checkCommand) list(console *console, own []Check) error {
	var rows []checkRow
	for _, check := range inspections {
		rows = append(rows, checkRow{check.id, check.deploy, check.about})
	}
	for _, check := range own {
		rows = append(rows, checkRow{check.ID, check.Deploy, check.About})
	}
	if c.JSON {
		return console.json(rows)
	}
	table := [][]string{{"CHECK", "WITH", "WHAT IS RIGHT"}}
	for _, row := range rows {
		with := "check"
		if row.Deploy {
			with = "check --deploy"
		}
		table = append(table, []string{row.ID, with, row.About})
	}
	return console.table(table)
}
