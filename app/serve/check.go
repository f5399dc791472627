package serve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Check is something of the site's own that must be right for it to work, or to
// be shown to others: a service that the apps need, a file, a variable. See
// [Config.Checks].
type Check struct {
	// ID names the check in the output: lower-case words with dashes.
	ID string

	// About says in a few words what the check looks at, for "check --list".
	About string

	// Deploy says that it is for servers that others reach: "check --deploy".
	Deploy bool

	// Run returns what is wrong, or nothing. The command calls it, in its own
	// process, whether or not a server runs. It does not wait long, and ends
	// with ctx. A panic is an error that it has found.
	Run func(ctx context.Context) []Finding
}

// Severity says how bad a finding is.
type Severity string

// The severities. Only an [Error] makes the command fail.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info" // nothing is wrong; it is good to know
)

// Finding is what a [Check] has found.
type Finding struct {
	ID       string   `json:"id"` // of the check, which need not set it
	Severity Severity `json:"severity"`
	Problem  string   `json:"problem"` // what is wrong, in a sentence
	Fix      string   `json:"fix"`     // what to type or to change; may be ""
}

// ownCheckTimeout is how long a check of the site's own may take.
const ownCheckTimeout = 30 * time.Second

// run runs a check of the site's own.
func (c Check) run(ctx context.Context) (found []Finding) {
	ctx, cancel := context.WithTimeout(ctx, ownCheckTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			found = append(found[:0:0], Finding{c.ID, Error, fmt.Sprintf("The check itself failed: %v.", p), "Mend its Run function, in Config.Checks."})
		}
		for i := range found {
			found[i].ID = c.ID
			if !slices.Contains(severities, found[i].Severity) {
				found[i].Severity = Error
			}
		}
	}()
	return slices.Clone(c.Run(ctx))
}

// severities are in the order in which findings are shown.
var severities = []Severity{Error, Warning, Info}

// findings are what all checks have found.
type findings []Finding

// sort puts the worst first; those that are as bad as each other stay in their
// order.
func (f findings) sort() {
	slices.SortStableFunc(f, func(a, b Finding) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
}

// count returns how many are of a severity.
func (f findings) count(severity Severity) (n int) {
	for _, finding := range f {
		if finding.Severity == severity {
			n++
		}
	}
	return n
}

// checkReport says how findings are printed, and when they make a command fail.
type checkReport struct {
	JSON   bool `help:"Print JSON."`
	Strict bool `help:"Fail on warnings, too."`
}

// print prints findings. Its error is that there are some that make the command
// fail.
func (r checkReport) print(console *console, found findings) error {
	found.sort()
	errs, warnings := found.count(Error), found.count(Warning)
	if r.JSON {
		if err := console.json(append(findings{}, found...)); err != nil { // a list, also of none
			return err
		}
	} else {
		for _, f := range found {
			printFinding(console, f)
		}
		if errs+warnings == 0 {
			fmt.Fprintln(console.out, "Nothing is wrong.")
		}
	}
	if errs > 0 || r.Strict && warnings > 0 {
		return fmt.Errorf("%s, %s", plural(errs, "error"), plural(warnings, "warning"))
	}
	return nil
}

// severityColors are the colours of the severities on a terminal.
var severityColors = map[Severity]string{Error: "\x1b[31m", Warning: "\x1b[33m", Info: "\x1b[36m"}

func printFinding(console *console, f Finding) {
	severity := fmt.Sprintf("%-7s", f.Severity)
	if isTerminal(console.out) {
		severity = severityColors[f.Severity] + severity + "\x1b[0m"
	}
	fmt.Fprintf(console.out, "%s  %s: %s\n", severity, f.ID, printable(f.Problem))
	if f.Fix != "" {
		fmt.Fprintf(console.out, "         fix: %s\n", printable(f.Fix))
	}
}
