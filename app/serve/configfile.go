package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"dashd/app"
)

// configFile is the configuration file in the data directory; --config names
// another.
const configFile = "dashd.json"

// sources are where settings come from besides the command line: the
// environment, and the configuration file behind it. It notes from where each
// setting came.
type sources struct {
	path   string                     // of the file; "" for none
	values map[string]json.RawMessage // of the file, by key
	from   map[string]string          // by flag: "DASHD_LISTEN", or the file
}

// readSources reads the configuration file: path, which must be there, or else
// the one in the data directory, which may be. Its keys are those of names.
func readSources(path, data string, names []string) (*sources, error) {
	s := &sources{path: path, from: map[string]string{}}
	if path == "" {
		s.path = filepath.Join(data, configFile)
	}
	text, err := os.ReadFile(s.path)
	if path == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		s.path = ""
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if err := readJSONObject(text, &s.values); err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", s.path, err)
	}
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if !slices.Contains(names, key) {
			return nil, fmt.Errorf("%s: there is no setting %q%s", s.path, key, didYouMean(key, names))
		}
	}
	return s, nil
}

// readJSONObject reads text, which is one JSON object in which no key comes
// twice: of two, a person sees the one that does not count.
func readJSONObject(text []byte, values *map[string]json.RawMessage) error {
	if err := json.Unmarshal(text, values); err != nil {
		if at, ok := errors.AsType[*json.SyntaxError](err); ok {
			line := 1 + bytes.Count(text[:at.Offset], []byte("\n"))
			return fmt.Errorf("line %d: %w", line, err)
		}
		return fmt.Errorf("it is not a JSON object: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	seen := map[string]bool{}
	_, _ = d.Token() // the brace: it is an object
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if seen[name] {
			return fmt.Errorf("%q is set twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// Validate implements [kong.Resolver].
func (s *sources) Validate(*kong.Application) error { return nil }

// pathSettings are the settings that name a file by themselves: a variable with
// _FILE behind its name is then the same as one without.
var pathSettings = []string{"tls-cert", "tls-key"}

// Resolve implements [kong.Resolver]: it returns the value of a setting that
// the command line does not set, nil for none. The variables that kong knows of
// stand above the file; a variable with _FILE behind its name, which names a
// file with the value, is between them. Errors name the variable or the file.
func (s *sources) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if len(flag.Envs) != 1 || !strings.HasPrefix(flag.Envs[0], envPrefix) || flag.Name == "config" {
		return nil, nil // no setting
	}
	variable := flag.Envs[0]
	if _, ok := os.LookupEnv(variable); ok {
		s.from[flag.Name] = variable
		return nil, nil
	}
	if path, ok := os.LookupEnv(variable + fileSuffix); ok && slices.Contains(pathSettings, flag.Name) {
		s.from[flag.Name] = variable + fileSuffix
		return path, nil
	}
	if value, ok, err := valueFile(variable); ok {
		s.from[flag.Name] = variable + fileSuffix
		return value, err
	}
	raw, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	s.from[flag.Name] = s.path
	if err := refuseKey(s.path, string(raw)); err != nil {
		return nil, err
	}
	value, err := settingValue(raw, flag.IsSlice())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return value, nil
}

// valueFile returns the value in the file that a variable names with _FILE behind
// its name; ok is false when that is not set.
func valueFile(variable string) (value string, ok bool, err error) {
	variable += fileSuffix
	path, ok := os.LookupEnv(variable)
	if !ok {
		return "", false, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", true, fmt.Errorf("read what %s names: %w", variable, err)
	}
	value = strings.TrimSpace(string(text))
	return value, true, refuseKey("the file that "+variable+" names", value)
}

// refuseKey returns an error when a value is a certificate or a key itself, which
// no message may show.
func refuseKey(where, value string) error {
	if !strings.Contains(value, "-----BEGIN ") {
		return nil
	}
	return fmt.Errorf("%s has a certificate or a key itself: write that into a file, and set tls-cert or tls-key to the file's path", where)
}

// blame returns an error of kong's, which begins with the flag that it is about,
// with the file or variable that has set the flag. It is a plain one: [sentence]
// would leave the flag out.
func (s *sources) blame(err error) error {
	text := err.Error()
	name, isFlag := strings.CutPrefix(text, "--")
	if end := strings.IndexAny(name, ": "); isFlag && end > 0 && s != nil {
		if source := s.from[name[:end]]; source != "" && !strings.Contains(text, source) {
			text = source + ": " + text
		}
	}
	return errors.New(text)
}

// The variables that are settings begin and end like this.
const (
	envPrefix  = "DASHD_"
	fileSuffix = "_FILE"
)

// envOf returns the variable that stands for a setting.
func envOf(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// settingValue returns a JSON value as the text that a flag takes, or a list of
// them.
func settingValue(raw json.RawMessage, list bool) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if values, ok := value.([]any); ok && list {
		texts := make([]any, len(values))
		for i, value := range values {
			text, ok := value.(string)
			if !ok {
				return nil, app.Errorf(app.Invalid, "%s is not a list of texts", raw)
			}
			texts[i] = text
		}
		return texts, nil
	}
	switch value := value.(type) {
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	case bool:
		return onOff(value), nil
	}
	return nil, app.Errorf(app.Invalid, "%s is not a value of a setting; texts, numbers, true and false are", raw)
}

// unknownVariables lists the variables of the environment that look like
// settings and are none, each with the one that may be meant. DASHD_CONFIG names
// a file already. Kubernetes makes some for a service named dashd.
func unknownVariables(environ, known []string) (unknown []string) {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || slices.Contains(known, strings.TrimSuffix(name, fileSuffix)) && name != envOf("config")+fileSuffix ||
			name == envPrefix+"PORT" || strings.HasPrefix(name, envPrefix+"PORT_") || strings.HasPrefix(name, envPrefix+"SERVICE_") {
			continue
		}
		unknown = append(unknown, name+didYouMean(name, known))
	}
	slices.Sort(unknown)
	return unknown
}

// didYouMean names the word that is nearest to one that is not known.
func didYouMean(word string, known []string) string {
	nearest, least := "", len(word)/2+1
	for _, candidate := range known {
		if d := distance(strings.ToLower(strings.ReplaceAll(word, "_", "-")), strings.ToLower(strings.ReplaceAll(candidate, "_", "-"))); d < least {
			nearest, least = candidate, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

// distance is how many letters must be added, dropped, replaced or swapped with
// their neighbour to make a word another one.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
