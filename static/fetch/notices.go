package main

import (
	"cmp"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// notice returns the section of LICENSES.txt for p without
// the libraries inside its bundles.
func (p Package) notice(content map[string][]byte) ([]byte, error) {
	var b strings.Builder
	b.WriteString(heading(p.Name + " " + p.Version + " (" + p.License + ")"))
	if p.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", p.Note)
	}
	for _, name := range p.Notices {
		text, ok := content[name]
		if !ok {
			return nil, fmt.Errorf("take the licence of %s@%s: no file %s", p.Name, p.Version, name)
		}
		fmt.Fprintf(&b, "\n%s:\n\n%s\n", name, clean(text))
	}
	b.WriteByte('\n')
	return []byte(b.String()), nil
}

func heading(title string) string {
	rule := strings.Repeat("=", 78)
	return rule + "\n" + title + "\n" + rule + "\n"
}

// clean returns a text with Unix line ends, no byte order mark and no space
// around it or at the end of its lines.
func clean(text []byte) string {
	s := strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r", "")
	return strings.TrimSpace(trailing.ReplaceAllString(s, ""))
}

var trailing = regexp.MustCompile(`(?m)[ \t]+$`)

var (
	tags  = regexp.MustCompile(`(?is)<head>.*?</head>|<[^>]*>`)
	blank = regexp.MustCompile(`\n{3,}`)
)

// textOf is the text of a simple HTML page.
func textOf(page string) string {
	s := clean([]byte(html.UnescapeString(tags.ReplaceAllString(page, ""))))
	return blank.ReplaceAllString(s, "\n\n")
}

// A Comment is a licence comment and the file that has it.
type Comment struct {
	File, Text string
}

var (
	// In a script without line breaks "/*" may be part of a string, so a comment
	// begins a line or is marked as one to keep.
	comment = regexp.MustCompile(`(?ms)(?:^[ \t]*/\*|/\*!).*?\*/|(?:^[ \t]*//[^\n]*\n)+`)
	legal   = regexp.MustCompile(`(?i)^/\*!|@license|@preserve|copyright|\blicen[cs]ed? `)
	pointer = regexp.MustCompile(`^/\*! For license information please see `)
)

// comments returns the licence comments in a file. Those that only point to a
// file that the package lacks are none.
func comments(file, text string) []Comment {
	var list []Comment
	for _, c := range comment.FindAllString(strings.ReplaceAll(text, "\r", ""), -1) {
		c = clean([]byte(c))
		if !strings.Contains(c, "\n") {
			c = strings.ReplaceAll(c, `\n`, "\n") // from inside a string
		}
		if legal.MatchString(c) && !pointer.MatchString(c) {
			list = append(list, Comment{file, c})
		}
	}
	return list
}

// licenseTexts returns the last part of a LICENSES.txt: the licences of the
// libraries, each text once.
func licenseTexts(libraries []Library) []byte {
	if len(libraries) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(heading("Licences of the libraries inside the bundles"))
	b.WriteString(`
From the npm package of each library, at the version named. Licences that differ
only in their title, copyright lines and typography are given once, after the
copyright lines of all libraries that they hold for.
`)
	bare := slices.DeleteFunc(sorted(libraries), func(l Library) bool { return len(l.notices) > 0 })
	if len(bare) > 0 {
		b.WriteString("\nThese packages have no licence text; package.json names the licence and author:\n\n")
	}
	for _, l := range slices.CompactFunc(bare, func(a, b Library) bool { return a.String() == b.String() }) {
		fmt.Fprintf(&b, "%s\n    %s\n", l, cmp.Or(l.author, "no author named"))
	}
	for _, t := range texts(libraries) {
		fmt.Fprintf(&b, "\n%s\n\n", strings.Repeat("-", 78))
		for _, h := range t.holders {
			b.WriteString(h)
		}
		fmt.Fprintf(&b, "\n%s\n", t.body)
	}
	b.WriteByte('\n')
	return []byte(b.String())
}

// A text is the text of a licence and whom it is from.
type text struct {
	holders []string
	body    string
}

// texts groups the notices of libraries by their text, in the order of the
// libraries.
func texts(libraries []Library) []*text {
	var list []*text
	byBody, seen := map[string]*text{}, map[string]bool{}
	for _, l := range sorted(libraries) {
		for _, notice := range l.notices {
			copyright, body := split(notice)
			key := normal(body)
			t := byBody[key]
			if t == nil {
				t = &text{body: body}
				byBody[key] = t
				list = append(list, t)
			}
			holder := l.String() + "\n"
			for _, line := range copyright {
				holder += "    " + line + "\n"
			}
			if !seen[holder+key] {
				t.holders = append(t.holders, holder)
			}
			seen[holder+key] = true
		}
	}
	return list
}

var (
	title     = regexp.MustCompile(`(?i)^[#*=( -]*(the )?((mit|isc|(new )?bsd( [23]-clause)?|expat)( license)?|license|licence)( \(?(mit|isc|expat)\)?)?[)*=:. -]*$|^-+$|^=+$`)
	copyright = regexp.MustCompile(`(?i)^[*>( ]*(copyright|\(c\)|©|all rights reserved)`)
)

// split takes the title off a licence and its copyright lines apart.
func split(license string) (lines []string, body string) {
	rest := license
	for {
		line, after, more := strings.Cut(rest, "\n")
		switch line = strings.TrimSpace(line); {
		case copyright.MatchString(line):
			lines = append(lines, line)
		case line != "" && !title.MatchString(line):
			return lines, strings.TrimRight(rest, "\n")
		}
		if !more {
			return nil, license // nothing but a title and a copyright
		}
		rest = after
	}
}

var plain = strings.NewReplacer("“", `"`, "”", `"`, "''", `"`, "``", `"`, "‘", `"`, "’", `"`, "'", `"`, ">", " ", "*", " ")

// normal is a text without its typography.
func normal(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(plain.Replace(s))), " ")
}
