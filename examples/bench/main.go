// Command bench measures dashd against its budgets and prints the table of the
// README. Run it from anywhere in the repository:
//
//	go run ./examples/bench                 everything, about three minutes
//	go run ./examples/bench update layout   some of it
//	go run ./examples/bench -profile DIR update   profile the server of "update", "layout" or "saved"
//
// Wherever it can, it judges a ratio: the same work done by dashd and by
// something plain, in turns, in one run on one machine. It exits with 1 when a
// budget is not kept. The page needs Chromium.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// groups are the things to measure, in the order of the table.
var groups = []struct {
	name    string
	measure func(ctx context.Context, t *table) error
}{
	{"update", measureUpdate},
	{"layout", measureLayout},
	{"saved", measureSaved},
	{"live", measureLive},
	{"page", measurePage},
	{"embed", measureEmbed},
	{"binary", measureBinary},
	{"small", measureSmall},
	{"app", measureApp},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		if err := runChild(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench: child:", err)
			os.Exit(1)
		}
		return
	}
	dir := flag.String("profile", "", "only load the server of update, layout or saved, and write its profiles into `DIR`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, *dir, flag.Args())
	stop()
	os.Exit(code)
}

// run does what the command line says and returns the exit code.
func run(ctx context.Context, dir string, names []string) int {
	if dir != "" {
		if err := profile(ctx, dir, strings.Join(names, " ")); err != nil {
			fmt.Fprintln(os.Stderr, "bench: profile:", err)
			return 1
		}
		return 0
	}
	var t table
	for _, g := range groups {
		if len(names) > 0 && !slices.Contains(names, g.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s ...\n", g.name)
		if err := g.measure(ctx, &t); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", g.name, err)
			return 1
		}
	}
	t.print(os.Stdout)
	fmt.Printf("\nMeasured on %d %s cores with %s; medians of rounds in turns.\n",
		runtime.NumCPU(), runtime.GOARCH, runtime.Version())
	return 0
}
