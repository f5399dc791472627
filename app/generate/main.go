// Generate makes the Go package of a Dash component suite: a struct for each
// component that the suite's metadata describes.
//
//	go run dashd/app/generate [flags] metadata.json
//
// It writes components.go beside the metadata. A file written by hand belongs
// to the package as well; it defines what the metadata cannot know:
//
//	//go:generate go run dashd/app/generate metadata.json
//
//	var Suite = &app.Suite{
//		Namespace:     namespace,
//		Version:       version,
//		ChildrenProps: childrenProps,
//		Package:       "my_components",
//		Scripts:       []string{"my_components.min.js"},
//		Files:         files,
//	}
//
// The metadata is either a file as in app/dcc, or the metadata.json that
// dash-generate-components makes and component suites ship; the latter needs
// -namespace.
package main

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
)

func main() {
	var opts options
	output := flag.String("o", "components.go", "file to write, beside the metadata")
	flag.StringVar(&opts.Package, "package", "", "name of the Go package (default: that of the directory)")
	flag.StringVar(&opts.Namespace, "namespace", "", "JavaScript global that the suite's bundle defines")
	flag.StringVar(&opts.Version, "version", "", "version of the bundle")
	flag.StringVar(&opts.Reference, "reference", "", "URL of the suite's reference, for links in comments")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run dashd/app/generate [flags] metadata.json")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *output, opts); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes output beside the metadata file.
func run(metadata, output string, opts options) error {
	if opts.Package == "" {
		opts.Package = packageName(filepath.Dir(metadata))
	}
	source, err := generateFile(metadata, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", metadata, err)
	}
	return os.WriteFile(filepath.Join(filepath.Dir(metadata), output), source, 0o666)
}

// generateFile returns the Go source for a metadata file.
func generateFile(metadata string, opts options) ([]byte, error) {
	data, err := os.ReadFile(metadata)
	if err != nil {
		return nil, err
	}
	s, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	opts.Source = filepath.Base(metadata)
	return generate(s, opts)
}

// packageName returns the name of the package in a directory: that of its Go
// files, or of the directory when there are none.
func packageName(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, file := range files {
		if f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly); err == nil {
			return f.Name.Name
		}
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}
