package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"dashd/app"
)

// instanceCommands is "instance".
type instanceCommands struct {
	List         instanceList         `cmd:"" help:"List the instances."`
	Show         instanceShow         `cmd:"" help:"Show an instance and what it tracks."`
	Create       instanceCreate       `cmd:"" help:"Make an instance and print its slug."`
	Clone        instanceClone        `cmd:"" help:"Make an instance like another and print its slug."`
	Populate     instancePopulate     `cmd:"" help:"Track all that the app's layout sets, with its values."`
	Reset        instanceReset        `cmd:"" help:"Forget the values, but not what is tracked."`
	Set          instanceSet          `cmd:"" help:"Give a property a value, and track it."`
	Untrack      instanceUntrack      `cmd:"" help:"Stop tracking a property."`
	Rename       instanceRename       `cmd:"" help:"Give an instance another name or slug."`
	SaveOnChange instanceSaveOnChange `cmd:"" help:"Let callbacks save what they change, or not."`
	Access       instanceAccess       `cmd:"" help:"Print or change who may open an instance."`
	Export       instanceExport       `cmd:"" help:"Write the state as JSON, as django-plotly-dash's base_state."`
	Import       instanceImport       `cmd:"" help:"Replace the state by what export or django-plotly-dash wrote."`
	History      instanceHistory      `cmd:"" help:"Show the values that properties have and had."`
	Restore      instanceRestore      `cmd:"" help:"Make the state what it was at a revision."`
	Delete       instanceDelete       `cmd:"" help:"Delete an instance, its state and its history."`
}

// The arguments of the operations on instances.
type (
	createInstance struct {
		NewInstance
		Populate bool
	}
	cloneInstance  struct{ Slug, Name, NewSlug string }
	changeInstance struct {
		Slug   string
		Change InstanceChange
	}
	setProperty struct {
		Slug     string
		ID       app.ID
		Property string
		Value    json.RawMessage // unused by untrack
	}
	importState struct{ Slug, Text string }
	showHistory struct {
		Slug  string
		Limit int
	}
	restoreRevision struct {
		Slug     string
		Revision int64
	}
)

// instanceDetails is what "instance show" prints.
type instanceDetails struct {
	app.Instance
	Present         bool              `json:"present"`          // false: the app is gone from this program
	EffectiveAccess app.Access        `json:"effective_access"` // the app's, where the instance has none of its own
	Path            string            `json:"path"`             // of its URL
	Properties      []trackedProperty `json:"properties"`       // by component and property
}

// trackedProperty is a property of an instance's state.
type trackedProperty struct {
	Component string          `json:"component"`
	Property  string          `json:"property"`
	Set       bool            `json:"set"` // false: the layout's own value counts
	Value     json.RawMessage `json:"value"`
}

// pastValue is a row of "instance history".
type pastValue struct {
	Revision int64     `json:"revision"`
	Until    int64     `json:"until"` // the revision that replaced it; 0: it is the present value
	Time     time.Time `json:"time"`
	User     string    `json:"user"` // "": anonymous, or a command
	trackedProperty
}

// instanceOperations are what the commands ask for.
var instanceOperations = map[string]operation{
	"instance/list": operate(func(ctx context.Context, s *Server, filter InstanceFilter) ([]app.Instance, error) {
		list, err := s.Instances().List(ctx, filter)
		return append([]app.Instance{}, list...), err
	}),
	"instance/show": operate(func(ctx context.Context, s *Server, slug string) (instanceDetails, error) {
		place, err := s.find(ctx, kindInstance, slug)
		if err != nil {
			return instanceDetails{}, err
		}
		return instanceDetails{
			Instance:        place.instance.Instance(),
			Present:         place.mount != nil,
			EffectiveAccess: s.access(place),
			Path:            place.prefix,
			Properties:      trackedProperties(place.instance.State()),
		}, nil
	}),
	"instance/create": operate(func(ctx context.Context, s *Server, args createInstance) (app.Instance, error) {
		if args.Populate {
			m := s.byName[args.App]
			if m == nil {
				return app.Instance{}, errNoApp
			}
			var err error
			if args.State, err = m.app.Populate(ctx, nil); err != nil {
				return app.Instance{}, fmt.Errorf("populate the instance: %w", err)
			}
		}
		return s.Instances().Create(ctx, args.NewInstance)
	}),
	"instance/clone": operate(func(ctx context.Context, s *Server, args cloneInstance) (app.Instance, error) {
		return s.Instances().Clone(ctx, args.Slug, args.Name, args.NewSlug)
	}),
	"instance/change": operate(func(ctx context.Context, s *Server, args changeInstance) (app.Instance, error) {
		return s.Instances().Change(ctx, args.Slug, args.Change)
	}),
	"instance/populate": operate(func(ctx context.Context, s *Server, slug string) (nothing, error) {
		return nothing{}, s.Instances().Populate(ctx, slug)
	}),
	"instance/reset": operate(func(ctx context.Context, s *Server, slug string) (nothing, error) {
		return nothing{}, s.Instances().Reset(ctx, slug)
	}),
	"instance/set": operate(func(ctx context.Context, s *Server, args setProperty) (nothing, error) {
		return nothing{}, s.Instances().Set(ctx, args.Slug, args.ID, args.Property, args.Value)
	}),
	"instance/untrack": operate(func(ctx context.Context, s *Server, args setProperty) (nothing, error) {
		return nothing{}, s.Instances().Untrack(ctx, args.Slug, args.ID, args.Property)
	}),
	"instance/export": operate(func(ctx context.Context, s *Server, slug string) (string, error) {
		state, err := s.Instances().State(ctx, slug)
		if err != nil {
			return "", err
		}
		return string(state.Text()), nil
	}),
	"instance/import": operate(func(ctx context.Context, s *Server, args importState) (nothing, error) {
		state, err := app.ParseState([]byte(args.Text))
		if err != nil {
			return nothing{}, err
		}
		return nothing{}, s.Instances().Replace(ctx, args.Slug, state)
	}),
	"instance/history": operate(func(ctx context.Context, s *Server, args showHistory) ([]pastValue, error) {
		revisions, err := s.Instances().History(ctx, args.Slug, args.Limit)
		if err != nil {
			return nil, err
		}
		values := []pastValue{}
		for _, r := range revisions {
			values = append(values, pastValue{r.Revision, r.Until, r.At, r.User, newTracked(r.Component, r.Property, r.Value)})
		}
		return values, nil
	}),
	"instance/restore": operate(func(ctx context.Context, s *Server, args restoreRevision) (nothing, error) {
		return nothing{}, s.Instances().Restore(ctx, args.Slug, args.Revision)
	}),
	"instance/delete": operate(func(ctx context.Context, s *Server, slug string) (nothing, error) {
		return nothing{}, s.Instances().Delete(ctx, slug)
	}),
}

func newTracked(id app.ID, property string, value json.RawMessage) trackedProperty {
	return trackedProperty{string(id), property, value != nil, value}
}

// trackedProperties lists a state in order.
func trackedProperties(state app.BaseState) []trackedProperty {
	all := []trackedProperty{}
	for id, properties := range state {
		for property, value := range properties {
			all = append(all, newTracked(id, property, value))
		}
	}
	slices.SortFunc(all, func(a, b trackedProperty) int {
		return cmp.Or(strings.Compare(a.Component, b.Component), strings.Compare(a.Property, b.Property))
	})
	return all
}

// text is the value in a table.
func (p trackedProperty) text() string {
	if !p.Set {
		return "(the layout's)"
	}
	return short(string(p.Value))
}

type instanceList struct {
	Text []string `arg:"" optional:"" help:"List those that have this in the name or slug."`
	App  string   `help:"List those of this app." placeholder:"APP"`
	JSON bool     `help:"Print JSON."`
}

func (c *instanceList) Run(ctx context.Context, client *client, console *console) error {
	filter := InstanceFilter{App: c.App, Text: strings.Join(c.Text, " ")}
	instances, err := call[[]app.Instance](ctx, client, "instance/list", filter)
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(instances)
	}
	rows := [][]string{{"SLUG", "NAME", "APP", "SAVES", "ACCESS", "CREATED", "UPDATED"}}
	for _, i := range instances {
		rows = append(rows, []string{i.Slug, i.Name, i.App, onOff(i.SaveOnChange), accessWord(i.Access), localTime(i.Created), localTime(i.Updated)})
	}
	return console.table(rows)
}

type instanceShow struct {
	Slug string `arg:""`
	JSON bool   `help:"Print JSON."`
}

func (c *instanceShow) Run(ctx context.Context, client *client, console *console) error {
	i, err := call[instanceDetails](ctx, client, "instance/show", c.Slug)
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(i)
	}
	access := string(i.EffectiveAccess)
	if i.Access == app.DefaultAccess {
		access += " (inherited)"
	}
	of := i.App
	if !i.Present {
		of += " (gone from this program; the state is kept)"
	}
	err = console.table([][]string{
		{"Slug:", i.Slug},
		{"Name:", i.Name},
		{"App:", of},
		{"Path:", i.Path},
		{"Save on change:", onOff(i.SaveOnChange)},
		{"Access:", access},
		{"Created:", localTime(i.Created)},
		{"Updated:", localTime(i.Updated)},
	})
	if err != nil || len(i.Properties) == 0 {
		return err
	}
	fmt.Fprintln(console.out)
	rows := [][]string{{"COMPONENT", "PROPERTY", "VALUE"}}
	for _, p := range i.Properties {
		rows = append(rows, []string{p.Component, p.Property, p.text()})
	}
	return console.table(rows)
}

type instanceCreate struct {
	App          string     `arg:"" help:"Name or slug of the app."`
	Name         string     `help:"Name of the instance. Default: one that is free."`
	Slug         string     `help:"Last part of its URL. Default: made from the name."`
	SaveOnChange bool       `help:"Let callbacks save what they change."`
	Access       accessText `help:"Who may open it: public, authenticated, 'restricted user:NAME group:NAME ...', or inherit, the default." placeholder:"ACCESS"`
	Populate     bool       `help:"Track all that the app's layout sets."`
}

func (c *instanceCreate) Run(ctx context.Context, client *client, console *console) error {
	return printSlug(console)(call[app.Instance](ctx, client, "instance/create", createInstance{
		NewInstance: NewInstance{App: c.App, Name: c.Name, Slug: c.Slug, SaveOnChange: c.SaveOnChange, Access: app.Access(c.Access)},
		Populate:    c.Populate,
	}))
}

// printSlug prints the slug of a new instance.
func printSlug(console *console) func(app.Instance, error) error {
	return func(instance app.Instance, err error) error {
		if err == nil {
			fmt.Fprintln(console.out, instance.Slug)
		}
		return err
	}
}

type instanceClone struct {
	Slug string `arg:""`
	Name string `help:"Name of the new instance. Default: one that is free."`
	New  string `name:"slug" help:"Last part of its URL. Default: made from the name." placeholder:"SLUG"`
}

func (c *instanceClone) Run(ctx context.Context, client *client, console *console) error {
	return printSlug(console)(call[app.Instance](ctx, client, "instance/clone", cloneInstance{c.Slug, c.Name, c.New}))
}

type instancePopulate struct {
	Slug string `arg:""`
}

func (c *instancePopulate) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "instance/populate", c.Slug)
}

type instanceReset struct {
	Slug string `arg:""`
}

func (c *instanceReset) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "instance/reset", c.Slug)
}

type instanceSet struct {
	Slug     string      `arg:""`
	ID       componentID `arg:"" help:"ID of the component; one that is a dictionary, as JSON."`
	Property string      `arg:""`
	Value    jsonText    `arg:"" name:"json" help:"Value, as JSON: 3, true, '[1, 2]', '\"text\"'."`
}

func (c *instanceSet) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "instance/set", setProperty{c.Slug, app.ID(c.ID), c.Property, json.RawMessage(c.Value)})
}

type instanceUntrack struct {
	Slug     string      `arg:""`
	ID       componentID `arg:"" help:"ID of the component; one that is a dictionary, as JSON."`
	Property string      `arg:""`
}

func (c *instanceUntrack) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "instance/untrack", setProperty{Slug: c.Slug, ID: app.ID(c.ID), Property: c.Property})
}

// componentID is the ID of a component on a command line: a word, or JSON with
// the keys in any order.
type componentID app.ID

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *componentID) UnmarshalText(text []byte) error {
	if !bytes.HasPrefix(text, []byte("{")) {
		*id = componentID(text)
		return nil
	}
	if !json.Valid(text) {
		return fmt.Errorf(`%s is not JSON, as an ID that is a dictionary must be: '{"type": "item", "index": 3}'`, short(string(text)))
	}
	return (*app.ID)(id).UnmarshalJSON(text)
}

// jsonText is a value on a command line.
type jsonText string

// UnmarshalText implements encoding.TextUnmarshaler.
func (j *jsonText) UnmarshalText(text []byte) error {
	if json.Valid(text) {
		*j = jsonText(text)
		return nil
	}
	quoted, _ := json.Marshal(short(string(text))) // a string
	return fmt.Errorf("%s is not JSON; a text needs quotes of its own, and others around them: '%s'", short(string(text)), quoted)
}

type instanceRename struct {
	Slug string  `arg:""`
	Name *string `help:"The new name."`
	New  *string `name:"slug" help:"The new last part of its URL." placeholder:"SLUG"`
}

// Validate implements kong's interface.
func (c *instanceRename) Validate() error {
	if c.Name == nil && c.New == nil {
		return fmt.Errorf("give the new --name, the new --slug, or both")
	}
	return nil
}

func (c *instanceRename) Run(ctx context.Context, client *client) error {
	_, err := call[app.Instance](ctx, client, "instance/change", changeInstance{c.Slug, InstanceChange{Name: c.Name, Slug: c.New}})
	return err
}

type instanceSaveOnChange struct {
	Slug   string `arg:""`
	Change string `arg:"" enum:"on,off" help:"on or off."`
}

func (c *instanceSaveOnChange) Run(ctx context.Context, client *client) error {
	_, err := call[app.Instance](ctx, client, "instance/change", changeInstance{c.Slug, InstanceChange{SaveOnChange: new(c.Change == on)}})
	return err
}

type instanceAccess struct {
	Slug   string      `arg:""`
	Access accessWords `arg:"" optional:"" help:"public, authenticated, restricted user:NAME group:NAME ..., or inherit, which is the app's."`
}

func (c *instanceAccess) Run(ctx context.Context, client *client, console *console) error {
	if len(c.Access) == 0 {
		i, err := call[instanceDetails](ctx, client, "instance/show", c.Slug)
		if err == nil {
			fmt.Fprintln(console.out, accessWord(i.Access))
		}
		return err
	}
	access, err := c.Access.parse()
	if err != nil {
		return err
	}
	_, err = call[app.Instance](ctx, client, "instance/change", changeInstance{c.Slug, InstanceChange{Access: &access}})
	return err
}

type instanceExport struct {
	Slug string `arg:""`
	File string `arg:"" optional:"" type:"path" help:"File to write. Default: the standard output."`
}

func (c *instanceExport) Run(ctx context.Context, client *client, console *console) error {
	text, err := call[string](ctx, client, "instance/export", c.Slug)
	if err != nil {
		return err
	}
	text += "\n"
	if c.File == "" || c.File == "-" {
		_, err = io.WriteString(console.out, text)
	} else {
		err = os.WriteFile(c.File, []byte(text), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

type instanceImport struct {
	Slug string `arg:""`
	File string `arg:"" type:"path" help:"File to read, or - for the standard input."`
}

// maxImport bounds what is read, in bytes; a state has to be much smaller.
const maxImport = 64 << 20

func (c *instanceImport) Run(ctx context.Context, client *client, console *console) error {
	in := console.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("read the state: %w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImport))
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	return do(ctx, client, "instance/import", importState{c.Slug, string(text)})
}

type instanceHistory struct {
	Slug  string `arg:""`
	Limit int    `help:"Most values to show, the newest." default:"50" placeholder:"N"`
	JSON  bool   `help:"Print JSON."`
}

// Validate implements kong's interface.
func (c *instanceHistory) Validate() error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit is at least 1")
	}
	return nil
}

func (c *instanceHistory) Run(ctx context.Context, client *client, console *console) error {
	values, err := call[[]pastValue](ctx, client, "instance/history", showHistory{c.Slug, c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(values)
	}
	rows := [][]string{{"REVISION", "TIME", "USER", "PROPERTY", "VALUE"}}
	for _, v := range values {
		rows = append(rows, []string{strconv.FormatInt(v.Revision, 10), localTime(v.Time), v.User, v.Component + "." + v.Property, v.text()})
	}
	return console.table(rows)
}

type instanceRestore struct {
	Slug     string `arg:""`
	Revision int64  `arg:"" help:"One that history shows."`
}

func (c *instanceRestore) Run(ctx context.Context, client *client) error {
	return do(ctx, client, "instance/restore", restoreRevision{c.Slug, c.Revision})
}

type instanceDelete struct {
	Slug string `arg:""`
	Yes  bool   `help:"Do not ask."`
}

func (c *instanceDelete) Run(ctx context.Context, client *client, console *console) error {
	if !c.Yes {
		if err := console.confirm(fmt.Sprintf("Delete instance %s, its state and its history?", c.Slug)); err != nil {
			return err
		}
	}
	return do(ctx, client, "instance/delete", c.Slug)
}
