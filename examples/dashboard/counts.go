package dashboard

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The town, its counters and their numbers are invented: a small program drew
// them from the season, the weekday, the weather and chance. Mill Lane was
// closed for works in September, and students were away in August.
//
//go:embed data.csv
var dataCSV string

// count is how many bicycles a counter saw on a day. The JSON names are the
// columns of the table.
type count struct {
	Date     string  `json:"date"` // 2025-01-31
	Counter  string  `json:"counter"`
	Bicycles int     `json:"bicycles"`
	Celsius  float64 `json:"celsius"` // in the afternoon
	Rain     float64 `json:"rain"`    // millimetres
}

// columns are the names of the columns of data.csv.
var columns = []string{"date", "counter", "bicycles", "celsius", "rain"}

// record returns the count as a line of data.csv.
func (c count) record() []string {
	return []string{c.Date, c.Counter, strconv.Itoa(c.Bicycles), fmt.Sprint(c.Celsius), fmt.Sprint(c.Rain)}
}

// isWeekend reports whether the day is a Saturday or Sunday.
func (c count) isWeekend() bool {
	day, _ := time.Parse(time.DateOnly, c.Date) // checked by readCounts
	return day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
}

// counts returns all counts, ordered by date. The caller does not change them.
var counts = sync.OnceValue(func() []count {
	counts, err := readCounts(dataCSV)
	if err != nil {
		panic(fmt.Sprintf("read data.csv: %v", err)) // it is part of the program
	}
	return counts
})

func readCounts(text string) ([]count, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 || !slices.Equal(records[0], columns) {
		return nil, fmt.Errorf("the columns are not %v", columns)
	}
	counts := make([]count, 0, len(records)-1)
	for i, record := range records[1:] {
		c := count{Date: record[0], Counter: record[1]}
		_, errDate := time.Parse(time.DateOnly, c.Date)
		var errBicycles, errCelsius, errRain error
		c.Bicycles, errBicycles = strconv.Atoi(record[2])
		c.Celsius, errCelsius = strconv.ParseFloat(record[3], 64)
		c.Rain, errRain = strconv.ParseFloat(record[4], 64)
		for _, err := range []error{errDate, errBicycles, errCelsius, errRain} {
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+2, err)
			}
		}
		counts = append(counts, c)
	}
	return counts, nil
}

// counters returns the names of the counters, sorted.
func counters() []string {
	var names []string
	for _, c := range counts() {
		names = append(names, c.Counter)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The whole of the data: where the filters begin.
const (
	firstDay = "2025-01-01"
	lastDay  = "2025-12-31"
	coldest  = -10.0
	hottest  = 30.0
)

// filters are what the visitor has chosen. Each names its control.
type filters struct {
	Counters []string   `dash:"counters.value"` // none: all
	From     string     `dash:"dates.start_date"`
	To       string     `dash:"dates.end_date"`
	Celsius  [2]float64 `dash:"celsius.value"`
	Days     string     `dash:"days.value"`
}

// The values of filters.Days.
const (
	allDays  = "all"
	workdays = "workdays"
	weekends = "weekends"
)

// inDates reports whether a day, or month, is among the chosen.
func (f filters) inDates(from, to string) bool {
	return (f.From == "" || to >= f.From) && (f.To == "" || from <= f.To)
}

func (f filters) inCounters(name string) bool {
	return len(f.Counters) == 0 || slices.Contains(f.Counters, name)
}

func (f filters) inCelsius(degrees float64) bool {
	return degrees >= f.Celsius[0] && degrees <= f.Celsius[1]
}

// counts returns what the filters leave.
func (f filters) counts() []count {
	var left []count
	for _, c := range counts() {
		if f.inDates(c.Date, c.Date) && f.inCounters(c.Counter) && f.inCelsius(c.Celsius) &&
			(f.Days != workdays || !c.isWeekend()) && (f.Days != weekends || c.isWeekend()) {
			left = append(left, c)
		}
	}
	return left
}

// Each graph shows what the other filters leave, and marks its own.

func (f filters) withoutDates() filters {
	f.From, f.To = "", ""
	return f
}

func (f filters) withoutCounters() filters {
	f.Counters = nil
	return f
}

func (f filters) withoutCelsius() filters {
	f.Celsius = [2]float64{coldest, hottest}
	return f
}

// day is a day's sum over counters.
type day struct {
	date     string
	bicycles int
	celsius  float64
	rain     float64
}

// days sums counts by day. They are ordered by date.
func days(counts []count) []day {
	var days []day
	for _, c := range counts {
		if n := len(days); n == 0 || days[n-1].date != c.Date {
			days = append(days, day{date: c.Date, celsius: c.Celsius, rain: c.Rain})
		}
		days[len(days)-1].bicycles += c.Bicycles
	}
	return days
}
