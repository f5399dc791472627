package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

	"dashd/app"
)

// Main is a whole program that serves apps: it runs the command that the
// arguments name, and ends the process.
//
// Its exit codes are 0 for success, 1 for an error, and 2 for a command line
// that makes no sense.
func Main(config Config) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := Run(ctx, config, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// commands is the command line.
type commands struct {
	Data   string `help:"Directory of the server's own files; made when missing. Default: $$STATE_DIRECTORY where that is set, or ${data}." placeholder:"DIR"`
	Config string `help:"File of settings. Default: dashd.json in the data directory, where there is one." env:"DASHD_CONFIG" placeholder:"FILE"`

	Serve      serveCommand     `cmd:"" help:"Serve the apps."`
	App        appCommands      `cmd:"" help:"The apps, and who may open them."`
	Instance   instanceCommands `cmd:"" help:"Saved copies of the apps' state."`
	User       userCommands     `cmd:"" help:"Those who may sign in."`
	Group      groupCommands    `cmd:"" help:"Groups of users."`
	Poke       pokeCommand      `cmd:"" help:"Publish to a channel of a running server."`
	Token      tokenCommands    `cmd:"" help:"Tokens of programs that publish from elsewhere."`
	Embed      embedCommands    `cmd:"" help:"Apps in pages of other sites."`
	Analytics  analyticsCommand `cmd:"" help:"Print what was viewed, and how callbacks did."`
	Audit      auditCommand     `cmd:"" help:"Print who did what."`
	Backup     backupCommand    `cmd:"" help:"Copy the database into a file, also while a server runs."`
	Restore    restoreCommand   `cmd:"" help:"Bring the database back from a backup or a replica, or prove that it can be done."`
	Replica    replicaCommands  `cmd:"" help:"The replica of the database."`
	Health     healthCommand    `cmd:"" help:"Ask the server that runs whether it is ready."`
	Install    installCommand   `cmd:"" help:"Print or write the units of systemd that run this program."`
	Check      checkCommand     `cmd:"" help:"Check the apps, the settings and the database."`
	Doctor     doctorCommand    `cmd:"" help:"Try a site from outside, as a browser would."`
	ShowConfig configCommand    `cmd:"" name:"config" help:"Print the settings in force, and where each comes from."`
	Version    versionCommand   `cmd:"" help:"Print the versions of this program and of what it embeds."`

	invocation *invocation
}

// BeforeReset is called by kong before it reads the environment, whose values its
// errors show.
func (c *commands) BeforeReset() error {
	for _, variable := range c.invocation.variables() {
		for _, name := range []string{variable, variable + fileSuffix} {
			if err := refuseKey(name, os.Getenv(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// BeforeResolve is called by kong when it has read the command line: now the
// configuration file is known, and with it the settings that are not there.
func (c *commands) BeforeResolve(ctx *kong.Context) error {
	var file, data string
	var err error
	for _, flag := range ctx.Model.Flags {
		switch flag.Name {
		case "config":
			if file = ctx.FlagValue(flag).(string); file != "" {
				file = kong.ExpandPath(file)
			}
		case "data":
			data = ctx.FlagValue(flag).(string)
		}
	}
	if data == "" {
		if data, _, err = valueFile(envOf("data")); err != nil {
			return err
		}
	}
	i := c.invocation
	i.data = kong.ExpandPath(cmp.Or(data, os.Getenv("STATE_DIRECTORY"), i.program.Data, defaultData))
	if file == "" && data == "" && i.program.Data == "" && os.Getenv("STATE_DIRECTORY") == "" {
		if own, err := os.Executable(); err == nil && isInstalled(own, installedConfig) {
			file, i.data = installedConfig, installedData
		}
	}
	i.sources, i.sourcesErr = readSources(file, i.data, settingNames())
	if i.sourcesErr == nil {
		ctx.AddResolver(i.sources)
	} else if hasSettings(ctx.Selected()) { // others may go without
		return i.sourcesErr
	}
	return nil
}

// isInstalled reports whether a program is that of the service which "install"
// or a package has set up: its commands are about the service's data. A copy
// somewhere else is on its own.
func isInstalled(program, config string) bool {
	if !strings.HasPrefix(program, "/usr/") && !strings.HasPrefix(program, "/opt/") {
		return false
	}
	_, err := os.Stat(config)
	return err == nil
}

// hasSettings reports whether a command has the settings among its flags.
func hasSettings(command *kong.Node) bool {
	return command != nil && slices.ContainsFunc(command.Flags, isSetting)
}

// isSetting reports whether a flag is a setting: those have groups.
func isSetting(flag *kong.Flag) bool {
	return flag.Group != nil && slices.Contains(settingNames(), flag.Name)
}

// defaultData is the data directory where nobody names one.
const defaultData = "./dashd-data"

// invocation is one run of the program.
type invocation struct {
	program Config // the program's own
	name    string
	args    []string
	console *console
	exit    int // of --help; -1 else

	// Once the command line has been read:
	data       string // the data directory; a reload begins with the program's own again
	sources    *sources
	sourcesErr error
}

// Run is [Main] without the process: it runs the command until it is done or
// ctx is, and returns the exit code.
func Run(ctx context.Context, config Config, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	const exitUsage = 2
	i := &invocation{
		program: config,
		name:    strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"),
		args:    negativeNumbers(args),
		console: &console{stdin, stdout, stderr},
	}
	_, parsed, err := i.parse()
	if i.exit >= 0 { // --help
		return i.exit
	}
	if err != nil && isCheck(parsed) {
		fmt.Fprintf(stderr, "%s: %v\n", i.name, printUnread(parsed, i.console, err))
		return 1
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\nTry: %s --help\n", i.name, sentence(err), i.name)
		return exitUsage
	}
	settings := sync.OnceValues(i.settings)
	client := &client{settings: settings}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(i, client)
	if err := parsed.BindSingletonProvider(settings); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", i.name, err)
		return 1
	}
	if err := errors.Join(parsed.Run(), client.Close()); err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", i.name, sentence(err))
		return 1
	}
	return 0
}

// variables lists the variables of the environment that mean something.
func (i *invocation) variables() []string {
	known := []string{"DASHD_CONFIG", "DASHD_TOKEN"}
	for _, name := range settingNames() {
		known = append(known, envOf(name))
	}
	return known
}

// parse reads the command line, the environment and the configuration file. With
// an error it returns what it knows of the command line, or nil.
func (i *invocation) parse() (*commands, *kong.Context, error) {
	c := &commands{invocation: i}
	i.exit, i.sources = -1, nil
	for _, arg := range i.args {
		if strings.HasPrefix(arg, "--") { // as keys do, too
			if err := refuseKey("the command line", arg); err != nil {
				return nil, nil, err
			}
		}
	}
	parser, err := i.parser(c)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := parser.Parse(i.args)
	if e, ok := errors.AsType[*kong.ParseError](err); ok {
		return nil, e.Context, i.sources.blame(err)
	}
	if c.Data != "" { // also by the file
		i.data = kong.ExpandPath(c.Data)
	}
	return c, parsed, err
}

// config returns the configuration of a server by some settings.
func (i *invocation) config(c *settings) Config {
	config := c.over(i.program)
	config.Data = i.data
	return config
}

// parser returns a parser into target.
func (i *invocation) parser(target any, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(target, append(more,
		kong.Name(i.name),
		kong.Description("Serves Dash apps written in Go."),
		kong.PostBuild(environment),
		kong.Vars{"data": cmp.Or(i.program.Data, defaultData), "embed_ttl": fmt.Sprint(DefaultEmbedTTL)}.CloneWith(settingVars(i.program)),
		kong.Writers(i.console.out, i.console.err),
		kong.Exit(func(code int) { i.exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(i.console),
	)...)
}

// settings returns the program's configuration with the settings of the
// environment and the file over it, for commands that have no flags for them.
func (i *invocation) settings() (Config, error) {
	if i.sourcesErr != nil {
		return Config{}, i.sourcesErr
	}
	var alone struct{ settings }
	parser, err := i.parser(&alone, kong.Resolvers(i.sources))
	if err != nil {
		return Config{}, err
	}
	if _, err := parser.Parse(nil); err != nil {
		return Config{}, i.sources.blame(err)
	}
	return i.config(&alone.settings), nil
}

// environment names the variables that stand for settings. Other flags have
// variables only where they say so.
func environment(k *kong.Kong) error {
	return kong.Visit(k.Model.Node, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && (isSetting(flag) || flag.Name == "data") {
			flag.Envs = []string{envOf(flag.Name)}
			flag.Tag.Envs = flag.Envs
		}
		return next(nil)
	})
}

// settingNames lists the names of the settings.
var settingNames = sync.OnceValue(func() []string {
	return slices.Sorted(maps.Keys(new(settings).effective(Config{})))
})

// negativeNumbers puts a blank, which means nothing in JSON, before negative
// numbers, which would look like flags.
func negativeNumbers(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if strings.HasPrefix(arg, "-") && json.Valid([]byte(arg)) {
			args[i] = " " + arg
		}
	}
	return args
}

// sentence is what a person reads of an error.
func sentence(err error) string {
	if e, ok := errors.AsType[*app.Error](err); ok && e.Code != app.Internal {
		return e.Message
	}
	return err.Error()
}
