package snapshots

import (
	"bytes"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// A companion is a file that is no document of the metadata and that says something about the servers: their
// configuration, or what is in their data directories. Both are told from their content. A file that is neither is
// nobody's gap: exports hold much that nothing is read of.

// maxCompanion bounds such a file, in bytes. Configurations have some hundred lines.
const maxCompanion = 4 << 20

// maxNames bounds the names in a configuration, and how deep its tables and lists are: of the signs that come with each of
// them, the text has no more, comments and all. The decoder compares a name with all before it.
const maxNames = 1 << 13

// companion reads a file that is one, and reports whether it was. What starts like JSON is none.
func (r *reader) companion(source *Source) bool {
	if path.Ext(source.Name) == ".json" || source.Size > maxCompanion || source.Size == 0 {
		return false
	}
	again, err := source.Open(0)
	if err != nil {
		return false
	}
	defer again.Close()
	head, err := io.ReadAll(io.LimitReader(again, 16<<10))
	if err != nil {
		return false
	}
	switch {
	case tomlStart().Match(head):
		return r.serverConfig(source)
	case listingStart().Match(head):
		return r.dataListing(source)
	}
	return false
}

func (s *Source) whole() ([]byte, error) {
	f, err := s.Open(0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCompanion))
}

// A ServerConfig is the configuration file of a server, restate.toml. Only the names of its settings are kept, and those
// few texts that somebody asks for: it holds secrets. What is set by environment variables is not in it.
type ServerConfig struct {
	Source *Source
	// NodeName and ClusterName are empty where the file does not set them: it may then be that of all nodes.
	NodeName, ClusterName string

	settings map[string]any
	at       map[string]int64
}

// pattern compiles a regular expression when it is asked for: most captures ask for none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// tomlStart is how a TOML file starts: with comments, then a key or a table.
var tomlStart = pattern(`\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:[A-Za-z0-9_.-]+[ \t]*=|\[{1,2}[ \t]*[A-Za-z0-9_.-]+[ \t]*\]{1,2}[ \t]*(?:#|\r?\n|\z))`)

// serverTables and serverKeys are names that only a Restate server's configuration has; one of them tells it apart.
var serverTables = []string{"bifrost", "metadata-client", "metadata-server", "metadata-store", "metadata-store-client", "log-server", "worker"}
var serverKeys = []string{"cluster-name", "node-name", "auto-provision", "allow-bootstrap", "force-node-id", "rocksdb-total-memory-size", "default-num-partitions", "bootstrap-num-partitions"}

func (r *reader) serverConfig(source *Source) bool {
	text, err := source.whole()
	if err != nil {
		return false
	}
	names := 0
	for _, sign := range []string{"=", ".", "[", "{"} {
		names += bytes.Count(text, []byte(sign))
	}
	if names > maxNames {
		return false
	}
	c := &ServerConfig{Source: source}
	if err := toml.Unmarshal(bytes.TrimPrefix(text, byteOrderMark), &c.settings); err != nil {
		return false
	}
	known := slices.ContainsFunc(serverTables, func(name string) bool { _, ok := c.settings[name].(map[string]any); return ok }) ||
		slices.ContainsFunc(serverKeys, func(name string) bool { _, ok := c.settings[name]; return ok })
	if !known {
		return false
	}
	c.NodeName, c.ClusterName = c.text("node-name"), c.text("cluster-name")
	c.at = tomlLines(text)
	r.snapshot.Configs = append(r.snapshot.Configs, c)
	return true
}

// Find returns the settings that the file has, by their whole names such as "worker.invoker.retry-policy", sorted, of those
// that a pattern means: such a name, or "*." and a pattern of the last part of names at any depth. An underscore in a name
// stands for a hyphen, as examples in Restate's release notes have it.
func (c *ServerConfig) Find(pattern string) []string {
	last, anywhere := strings.CutPrefix(pattern, "*.")
	var found []string
	var walk func(table map[string]any, prefix string)
	walk = func(table map[string]any, prefix string) {
		for name, value := range table {
			hyphened := strings.ReplaceAll(prefix+name, "_", "-")
			matches := hyphened == pattern
			if anywhere {
				matches, _ = path.Match(last, hyphened[len(prefix):])
			}
			if matches {
				found = append(found, prefix+name)
			}
			if inner, ok := value.(map[string]any); ok {
				walk(inner, prefix+name+".")
			}
		}
	}
	walk(c.settings, "")
	slices.Sort(found)
	return found
}

// Texts is a setting that is a text, or a list of them.
func (c *ServerConfig) Texts(setting string) []string {
	switch value := c.get(setting).(type) {
	case string:
		return []string{value}
	case []any:
		var texts []string
		for _, entry := range value {
			if text, ok := entry.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}

// Off reports whether a setting is the truth value false.
func (c *ServerConfig) Off(setting string) bool {
	on, truth := c.get(setting).(bool)
	return truth && !on
}

func (c *ServerConfig) text(setting string) string {
	text, _ := c.get(setting).(string)
	return text
}

func (c *ServerConfig) get(setting string) any {
	var value any = c.settings
	for name := range strings.SplitSeq(setting, ".") {
		table, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = table[name]
	}
	return value
}

// At is where the file sets something; its beginning where that cannot be told.
func (c *ServerConfig) At(setting string) Position {
	return Position{Source: c.Source, Offset: c.at[setting]}
}

var (
	tomlTable = pattern(`^[ \t]*\[{1,2}[ \t]*([A-Za-z0-9_.-]+)[ \t]*\]`)
	tomlKey   = pattern(`^[ \t]*([A-Za-z0-9_.-]+)[ \t]*=`)
)

// tomlLines finds the lines of settings and tables. It may be wrong within texts of several lines, which is no harm.
func tomlLines(text []byte) map[string]int64 {
	at := make(map[string]int64)
	note := func(setting string, offset int64) {
		for setting != "" {
			if _, known := at[setting]; known {
				return // and so are the tables that it is in
			}
			at[setting] = offset
			setting = setting[:max(strings.LastIndexByte(setting, '.'), 0)]
		}
	}
	table, offset := "", int64(0)
	for line := range bytes.Lines(text) {
		if match := tomlTable().FindSubmatch(line); match != nil {
			table = string(match[1]) + "."
			note(string(match[1]), offset)
		} else if match := tomlKey().FindSubmatch(line); match != nil {
			note(table+string(match[1]), offset)
		}
		offset += int64(len(line))
	}
	return at
}

// A Listing says what is in the data directories of some nodes, as find, ls -a, ls -la or ls -R print it.
type Listing struct {
	Source *Source
	// Nodes is how many data directories it tells something of.
	Nodes int

	at map[string]int64
}

// dataEntries are what a server keeps in its data directory, and nobody else has.
var dataEntries = []string{"log-store", "replicated-metadata-server", "local-metadata-store", "local-loglet", "db-snapshots", markerFile}

// listingStart is how a listing starts: with a path, the sum of ls -l, or the mode of a file.
var listingStart = pattern(`\A(?:\r?\n)*(?:total [0-9]+[^\n]*\n|[-dlbcps][-rwxsStT]{9}|[./A-Za-z0-9_@~:+-]+/?\r?\n)`)

var listingLine = pattern(`^(?:total [0-9]+\S*|[-dlbcps][-rwxsStT]{9}[.+@]? .*?([^ /]+)/?|([^ \t\r\n]+):|([^ \t\r\n]+))\r?\n?$`)

func (r *reader) dataListing(source *Source) bool {
	text, err := source.whole()
	if err != nil {
		return false
	}
	l := &Listing{Source: source, at: make(map[string]int64)}
	places := make(map[string]bool)
	folder, offset := "", int64(0)
	for line := range bytes.Lines(text) {
		start := offset
		offset += int64(len(line))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		match := listingLine().FindSubmatch(line)
		if match == nil {
			return false
		}
		entry := string(match[1]) + string(match[3])
		if len(match[2]) > 0 {
			folder = string(match[2])
			entry = folder
		} else if !strings.Contains(entry, "/") {
			entry = path.Join(folder, entry)
		}
		steps := strings.Split(strings.Trim(entry, "/"), "/")
		for i, step := range steps {
			if slices.Contains(dataEntries, step) {
				places[path.Join(steps[:i]...)] = true
				if _, ok := l.at[step]; !ok {
					l.at[step] = start
				}
				break
			}
		}
	}
	l.Nodes = len(places)
	if len(l.at) == 0 {
		return false
	}
	r.snapshot.Listings = append(r.snapshot.Listings, l)
	return true
}

// Has reports whether some data directory has an entry of this name, which must be one of those that servers keep there.
func (l *Listing) Has(entry string) bool { _, ok := l.at[entry]; return ok }

// At is the first line that names the entry.
func (l *Listing) At(entry string) Position { return Position{Source: l.Source, Offset: l.at[entry]} }
