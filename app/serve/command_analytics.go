package serve

import (
	"context"
	"fmt"

	"dashd/store"
)

// analyticsCommand is "analytics".
type analyticsCommand struct {
	From string `help:"First day, such as 2026-11-02. Default: 30 days before the last." placeholder:"DAY"`
	To   string `help:"Last day. Default: today." placeholder:"DAY"`
	CSV  bool   `name:"csv" help:"Print all counts, day by day, as CSV." xor:"format"`
	JSON bool   `name:"json" help:"Print all counts, day by day, as JSON." xor:"format"`
}

// analyticsDays are the arguments of the operations: days, and for
// "analytics/export" a format.
type analyticsDays struct {
	From, To string
	Format   string
}

// analyticsTables are the result of "analytics/report": what it prints.
type analyticsTables struct {
	From, To           string
	Off                bool
	Targets, Callbacks [][]string
}

// analyticsOperations are what the command asks for.
var analyticsOperations = map[string]operation{
	"analytics/report": operate(func(ctx context.Context, s *Server, args analyticsDays) (analyticsTables, error) {
		days, counted, err := s.exportedDays(ctx, args)
		if err != nil {
			return analyticsTables{}, err
		}
		tables := newReport(counted, days, "").tables()
		tables.From, tables.To, tables.Off = days.from, days.to, s.config.NoAnalytics
		return tables, nil
	}),
	"analytics/export": operate(func(ctx context.Context, s *Server, args analyticsDays) (string, error) {
		days, counted, err := s.exportedDays(ctx, args)
		if err != nil {
			return "", err
		}
		text, err := export(counted, days, args.Format)
		return string(text), err
	}),
}

func (s *Server) exportedDays(ctx context.Context, args analyticsDays) (span, *store.Analytics, error) {
	days, err := parseSpan(args.From, args.To, s.store.Now())
	if err != nil {
		return days, nil, err
	}
	counted, err := s.readAnalytics(ctx, days)
	return days, counted, err
}

// shownCallbacks is how many callbacks the command and the administration show;
// the others are in an export.
const shownCallbacks = 20

// tables writes the report as rows of tables, with their heads.
func (r *report) tables() analyticsTables {
	tables := analyticsTables{
		Targets:   [][]string{{"VIEWED", "VIEWS", "VISITORS", "FIRST CALLBACK"}},
		Callbacks: [][]string{{"APP", "CALLBACK", "RUNS", "FAILURES", "MEAN", "95 %", "LONGEST"}},
	}
	for _, t := range r.targets {
		first := ""
		if t.first.Runs > 0 {
			first = duration(t.first.Quantile(0.5))
		}
		tables.Targets = append(tables.Targets, []string{t.target, fmt.Sprint(t.sum), fmt.Sprint(t.visitors), first})
	}
	for _, c := range r.callbacks[:min(shownCallbacks, len(r.callbacks))] {
		t := &c.times
		tables.Callbacks = append(tables.Callbacks, []string{c.app, c.callback, fmt.Sprint(t.Runs), fmt.Sprint(t.Failures),
			duration(t.Mean()), duration(t.Quantile(slowPart)), duration(t.Longest)})
	}
	return tables
}

// Run prints what was viewed, and the slowest callbacks; or else everything.
func (c *analyticsCommand) Run(ctx context.Context, client *client, console *console) error {
	days := analyticsDays{From: c.From, To: c.To, Format: csvFormat}
	if c.CSV || c.JSON {
		if c.JSON {
			days.Format = jsonFormat
		}
		text, err := call[string](ctx, client, "analytics/export", days)
		if err == nil {
			_, err = fmt.Fprint(console.out, text)
		}
		return err
	}
	tables, err := call[analyticsTables](ctx, client, "analytics/report", days)
	if err != nil {
		return err
	}
	if tables.Off {
		fmt.Fprintln(console.err, "The analytics are off: nothing is counted now.")
	}
	fmt.Fprintf(console.out, "%s to %s\n\n", tables.From, tables.To)
	if len(tables.Targets) == 1 {
		fmt.Fprintln(console.out, "Nothing was viewed.")
		return nil
	}
	if err := console.table(tables.Targets); err != nil || len(tables.Callbacks) == 1 {
		return err
	}
	fmt.Fprintln(console.out)
	return console.table(tables.Callbacks)
}
