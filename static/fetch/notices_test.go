package main

import (
	"slices"
	"testing"
)

func TestLibrary(t *testing.T) {
	for source, want := range map[string][2]string{
		"webpack:///./src/index.js":                                             {},
		"webpack:///./node_modules/bail/index.js":                               {"bail", ""},
		"webpack://x/./node_modules/a/node_modules/@b/c/d.js":                   {"@b/c", ""},
		"webpack://x/./node_modules/.pnpm/a@1.2.3_r@18.0.0/node_modules/a/b.js": {"a", "1.2.3"},
		"webpack://x/node_modules/.pnpm/@a+b@0.1.0/node_modules/@a/b/c.js":      {"@a/b", "0.1.0"},
	} {
		if name, version := library(source); name != want[0] || version != want[1] {
			t.Errorf("library(%q) is %q, %q, want %q", source, name, version, want)
		}
	}
}

func TestComments(t *testing.T) {
	script := "/*! For license information please see a.js.LICENSE.txt */\n" +
		"// plain\nvar a = \"image/*\", b = 1; /*! kept */\n  /* @license MIT */\n" +
		"// Copyright A\n// B\nf() /* plain */"
	var got []string
	for _, c := range comments("a.js", script) {
		got = append(got, c.Text)
	}
	want := []string{"/*! kept */", "/* @license MIT */", "// Copyright A\n// B"}
	if !slices.Equal(got, want) {
		t.Errorf("comments are %q, want %q", got, want)
	}
}

func TestTexts(t *testing.T) {
	list := texts([]Library{
		{Name: "b", Version: "1", License: "MIT", notices: []string{"(The MIT License)\n\nCopyright B\n\nPermission ‘is’\nhereby"}},
		{Name: "a", Version: "1", License: "MIT", notices: []string{"Copyright A\nPermission 'is' hereby"}},
		{Name: "c", Version: "1", License: "ISC", notices: []string{"Copyright C"}},
	})
	if len(list) != 2 || list[1].body != "Copyright C" {
		t.Fatalf("texts are %v", list)
	}
	want := []string{"a 1 (MIT)\n    Copyright A\n", "b 1 (MIT)\n    Copyright B\n"}
	if got := list[0]; !slices.Equal(got.holders, want) || got.body != "Permission 'is' hereby" {
		t.Errorf("first text is %v, want holders %q", got, want)
	}
}
