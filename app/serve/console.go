package serve

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// json prints a value for a program.
func (c *console) json(value any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// table prints rows in columns, for a person. What visitors have sent cannot
// steer the terminal.
func (c *console) table(rows [][]string) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, printable(cell))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print a table: %w", err)
	}
	return nil
}

// printable returns the text of a cell: one line, "-" for none.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// longestCell is how many characters of a value a table shows.
const longestCell = 60

// short returns the beginning of a text.
func short(text string) string {
	runes := []rune(text)
	if len(runes) <= longestCell {
		return text
	}
	return string(runes[:longestCell-1]) + "…"
}

// localTime writes a time for a person; the zero time is "".
func localTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// onOff writes a boolean as the commands take it.
func onOff(b bool) string {
	if b {
		return on
	}
	return off
}

// The words for a boolean.
const (
	on  = "on"
	off = "off"
)

// confirm returns nil when the person at the terminal wants what the question
// says.
func (c *console) confirm(question string) error {
	if isTerminal(c.in) {
		fmt.Fprintf(c.err, "%s [y/N] ", question)
		answer, _ := bufio.NewReader(c.in).ReadString('\n') // an end is a no
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		case "":
		default:
			return fmt.Errorf("nothing was deleted")
		}
	}
	return fmt.Errorf("nothing was deleted: confirm it with --yes")
}

// password reads the first line of the standard input.
func (c *console) password() (string, error) {
	const longest = 4096
	line, err := bufio.NewReader(io.LimitReader(c.in, longest)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("read the password: the standard input is empty")
	}
	return line, nil
}
