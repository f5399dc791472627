package serve_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"dashd/app"
	"dashd/app/serve"
	"dashd/store"
)

// aMonthOfCounts are what a small site may have counted in thirty days.
func aMonthOfCounts() *store.Counts {
	counts := store.NewCounts()
	today := time.Now()
	targets := []struct{ app, target string }{{"shirts", "app/shirts"}, {"shirts", "instance/mine"}, {"closed", "app/closed"}, {"", store.SiteTarget}}
	for ago := range 30 {
		date := today.AddDate(0, 0, -ago)
		day := store.Day(date)
		weekend := date.Weekday() == time.Saturday || date.Weekday() == time.Sunday
		for i, t := range targets {
			n := int64(40/(i+1) + (ago*7+i*5)%13)
			if weekend {
				n /= 4
			}
			kind := store.PageView
			if t.app == "" {
				kind = store.HealthView
			}
			counts.Views[store.ViewKey{Day: day, App: t.app, Target: t.target, Kind: kind}] = n
			counts.Users[store.UserKey{Day: day, App: t.app, Target: t.target, User: []string{"ann", "bob"}[(ago+i)%2]}] = n / 3
			for hash := range n * 2 / 3 {
				for _, key := range []store.VisitorKey{{Day: day}, {Day: day, App: t.app}, {Day: day, App: t.app, Target: t.target}} {
					counts.Visitors[store.Visitor{VisitorKey: key, Hash: hash}] = struct{}{}
				}
			}
			if t.app == "" || ago == 12 {
				continue
			}
			first := &store.Times{}
			for j := range n {
				first.Add(time.Duration(350+j*17+int64(ago*9)%140)*time.Millisecond, false)
			}
			counts.Timings[store.TimingKey{Day: day, Kind: store.FirstTiming, App: t.app, Name: t.target}] = first
		}
		for i, name := range []string{"timeline.figure, table.data", "good.children", "fails.children"} {
			times := &store.Times{}
			for j := range 50 {
				times.Add(time.Duration(j*j*(3-i))*time.Millisecond/2, i == 2 && j%10 == 0)
			}
			counts.Timings[store.TimingKey{Day: day, Kind: store.CallbackTiming, App: "shirts", Name: name}] = times
		}
	}
	return counts
}

// The administration shows graphs of what was counted, and the choice of an app.
func TestBrowserAnalytics(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{countedApp("Shirts", app.Public), countedApp("Closed", app.Restricted())}})
	if err := s.Store().AddCounts(t.Context(), aMonthOfCounts()); err != nil {
		t.Fatal(err)
	}
	b := openTab(t, s.Handler(), "/admin/analytics/")
	b.fill("input[name=name]", "root")
	b.fill("input[name=password]", password)
	b.submit("main button")

	const frame = `document.querySelector("iframe.dashd-auto").contentDocument`
	const bars = frame + `.querySelectorAll("#views .barlayer .trace").length`
	b.until(frame + ` && ` + bars + ` === 3`)
	b.until(frame + `.querySelectorAll("#first .scatterlayer .trace").length === 2`)
	b.until(frame + `.querySelectorAll("table.list").length === 4`)
	for _, look := range []struct {
		name          string
		scheme        string
		width, height int64
	}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "dark", 390, 844}, {"wide", "light", 1280, 900}} {
		b.look(look.scheme, look.width, look.height)
		b.until(fmt.Sprintf("innerWidth === %d", look.width))
		b.until(`document.documentElement.scrollWidth <= innerWidth`)
		b.until(frame + `.documentElement.scrollWidth <= ` + frame + `.documentElement.clientWidth`)
		b.until(`Math.abs(` + frame + `.body.scrollHeight - document.querySelector("iframe.dashd-auto").clientHeight) < 4`)
		b.until(`[...` + frame + `.querySelectorAll(".js-plotly-plot")].every(plot => plot.querySelector(".main-svg").clientWidth === plot.clientWidth)`)
		b.screenshot("analytics_" + look.name)
	}

	js[any](b, frame+`.querySelector("#app").click()`)
	b.until(frame + `.querySelectorAll("[role=option], .dash-dropdown-option").length >= 3`)
	b.screenshot("analytics_choice")
	js[any](b, `[...`+frame+`.querySelectorAll("[role=option], .dash-dropdown-option")].find(o => o.textContent.includes("Shirts")).click()`)
	b.until(bars + ` === 2`)
	b.until(frame + `.querySelector("#csv").href.includes("/admin/analytics/export?format=csv")`)
}

// look shows the page in a window of a size, to somebody who prefers a scheme.
func (b *tab) look(scheme string, width, height int64) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.Fatalf("look at the page: %v", err)
	}
	b.do("resize", chromedp.EmulateViewport(width, height))
}
