package dashboard

import (
	"strings"
	"testing"
)

func TestReadCounts(t *testing.T) {
	const header = "date,counter,bicycles,celsius,rain\n"
	got, err := readCounts(header + "2025-01-31,Mill Lane,12,-1.5,0\n")
	if want := (count{"2025-01-31", "Mill Lane", 12, -1.5, 0}); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("the counts are %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                                 "the columns are not",
		"a,b\n":                            "the columns are not",
		header + "2025-02-29,A,1,2,3\n":    "line 2: parsing time",
		header + "2025-02-28,A,many,2,3\n": "line 2: strconv.Atoi",
		header + "2025-02-28,A\n":          "wrong number of fields",
	} {
		if _, err := readCounts(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

// TestBounds holds that the filters begin with all of the data.
func TestBounds(t *testing.T) {
	for _, c := range counts() {
		if c.Date < firstDay || c.Date > lastDay || c.Celsius < coldest || c.Celsius > hottest {
			t.Fatalf("%v is out of bounds", c)
		}
	}
}

func TestStepOf(t *testing.T) {
	for _, test := range []struct{ date, step, first, last string }{
		{"2025-03-02", byDay, "2025-03-02", "2025-03-02"},
		{"2025-03-02", byWeek, "2025-02-24", "2025-03-02"}, // a Sunday
		{"2025-03-03", byWeek, "2025-03-03", "2025-03-09"},
		{"2025-02-10", byMonth, "2025-02-01", "2025-02-28"},
	} {
		if first, last := stepOf(test.date, test.step); first != test.first || last != test.last {
			t.Errorf("the %s of %s is %s to %s, want %s to %s", test.step, test.date, first, last, test.first, test.last)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) is %s", n, got)
		}
	}
}
