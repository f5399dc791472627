package demo

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"dashd/examples"
)

// source is a file of code, as a page shows it.
type source struct {
	name string
	html string
}

// sourcesOf returns files of the examples, highlighted.
func sourcesOf(names ...string) []source {
	sources := make([]source, len(names))
	for i, name := range names {
		text, err := examples.Files.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("read the source of a page: %v", err)) // a constant name is wrong
		}
		tokens := goTokens
		if strings.HasSuffix(name, ".templ") {
			tokens = templTokens
		}
		sources[i] = source{"examples/" + name, highlight(tokens, string(text))}
	}
	return sources
}

// The tokens that stand out: each group of the expressions is named by the
// class of what it matches.
const (
	comments = `(?P<comment>//[^\n]*|/\*(?s:.*?)\*/)`
	literals = "(?P<string>\"(?:[^\"\\\\\n]|\\\\.)*\"|`[^`]*`|'(?:[^'\\\\\n]|\\\\.[^']*)')"
	keywords = `break|case|chan|const|continue|default|defer|else|fallthrough|for|func|go|goto|if|import|interface|map|package|range|return|select|struct|switch|type|var`
)

var (
	goTokens = regexp.MustCompile(comments + `|` + literals +
		`|\b(?P<keyword>` + keywords + `)\b|\b(?P<number>\d[\w.]*)|(?P<name>\b\w+)[({]`)

	// In the markup of templ, words of Go are words of Go only where a line begins.
	templTokens = regexp.MustCompile(comments + "|(?P<string>\"[^\"\n]*\"|`[^`]*`)" +
		`|(?m:^)\s*(?P<keyword>(?:` + keywords + `|templ)\b)|(?P<tag></?[a-z][\w-]*)|(?P<name>@[\w.]+)`)
)

// highlight returns code as HTML.
func highlight(tokens *regexp.Regexp, code string) string {
	var b strings.Builder
	done := 0
	for _, match := range tokens.FindAllStringSubmatchIndex(code, -1) {
		for group, class := range tokens.SubexpNames() {
			from, to := match[2*group], match[2*group+1]
			if class == "" || from < 0 {
				continue
			}
			b.WriteString(html.EscapeString(code[done:from]))
			fmt.Fprintf(&b, `<span class="%s">%s</span>`, class, html.EscapeString(code[from:to]))
			done = to
		}
	}
	b.WriteString(html.EscapeString(code[done:]))
	return b.String()
}
