// Package baseline keeps the findings that a cluster had when somebody began to check it, so that a check fails only on
// what is beyond them.
//
// A baseline names findings by their fingerprints. It is meant to be reviewed and committed: a finding stands on one line,
// with the reason why it is accepted and who answers for it, which anybody may edit.
package baseline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"restate-lint/analyze"
	"restate-lint/rules"
)

// SchemaVersion is the version of the file's form. Anything that an older program could not read raises it.
const SchemaVersion = 1

// A File is a baseline. Its snapshots are sorted by name, every name once, none of them without findings.
type File struct {
	SchemaVersion int        `json:"schema_version"`
	Snapshots     []Snapshot `json:"snapshots"`
}

// A Snapshot has the accepted findings of one snapshot, sorted by fingerprint, every fingerprint once.
type Snapshot struct {
	Name     string  `json:"name"`
	Findings []Entry `json:"findings"`
}

// An Entry is one accepted finding.
type Entry struct {
	Fingerprint string `json:"fingerprint"`
	// Severity is that of the finding when it was accepted. A finding that is graver now is not accepted.
	Severity rules.Severity `json:"severity"`
	// Reason says why the finding is accepted. It is never empty.
	Reason string `json:"reason"`
	Owner  string `json:"owner,omitempty"`
	// Expires is the last day on which the entry holds; empty for no end.
	Expires analyze.Date `json:"expires,omitempty"`
}

// Rule is the rule of the finding.
func (e *Entry) Rule() string {
	rule, _, _ := strings.Cut(e.Fingerprint, "@")
	return rule
}

// New is a baseline without findings.
func New() *File { return &File{SchemaVersion: SchemaVersion, Snapshots: []Snapshot{}} }

// Len is the number of entries.
func (f *File) Len() (n int) {
	for i := range f.Snapshots {
		n += len(f.Snapshots[i].Findings)
	}
	return n
}

// Expires reports whether some entry has a last day.
func (f *File) Expires() bool {
	return slices.ContainsFunc(f.Snapshots, func(s Snapshot) bool {
		return slices.ContainsFunc(s.Findings, func(e Entry) bool { return e.Expires != "" })
	})
}

// Of are the entries of a snapshot; nil for none.
func (f *File) Of(snapshot string) []Entry {
	if i, ok := f.find(snapshot); ok {
		return f.Snapshots[i].Findings
	}
	return nil
}

// text makes a text from a capture survive being written as JSON and read again.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (f *File) find(snapshot string) (int, bool) {
	snapshot = text(snapshot)
	return slices.BinarySearchFunc(f.Snapshots, snapshot, func(s Snapshot, name string) int { return cmp.Compare(s.Name, name) })
}

// set gives a snapshot other entries.
func (f *File) set(snapshot string, entries []Entry) {
	i, ok := f.find(snapshot)
	switch {
	case ok && len(entries) == 0:
		f.Snapshots = slices.Delete(f.Snapshots, i, i+1)
	case ok:
		f.Snapshots[i].Findings = entries
	case len(entries) > 0:
		f.Snapshots = slices.Insert(f.Snapshots, i, Snapshot{Name: text(snapshot), Findings: entries})
	}
	if i, ok = f.find(snapshot); ok {
		sortEntries(entries)
		f.Snapshots[i].Findings = slices.CompactFunc(entries, func(a, b Entry) bool { return a.Fingerprint == b.Fingerprint })
	}
}

func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
}

// Gone are the names of snapshots of which the baseline has entries, and which are not among those that there are. Nothing
// can be concluded, and it is nil, where the baseline has entries of none of these: they may be known by other names.
func (f *File) Gone(there []string) (gone []string) {
	known := make(map[string]bool, len(there))
	for _, name := range there {
		known[text(name)] = true
	}
	for i := range f.Snapshots {
		if name := f.Snapshots[i].Name; !known[name] {
			gone = append(gone, name)
		}
	}
	if len(gone) == len(f.Snapshots) {
		return nil
	}
	return gone
}

// Drop removes all entries of a snapshot, and returns them.
func (f *File) Drop(snapshot string) Change {
	change := Change{Removed: f.Of(snapshot)}
	f.set(snapshot, nil)
	return change
}

// Similar are the names of snapshots in the baseline that end like a name, or that it ends like: how a snapshot is called
// depends on how it is found.
func (f *File) Similar(name string) (names []string) {
	for i := range f.Snapshots {
		other := f.Snapshots[i].Name
		if other != name && (strings.HasSuffix("/"+other, "/"+name) || strings.HasSuffix("/"+name, "/"+other)) {
			names = append(names, other)
		}
	}
	return names
}

func byFingerprint(entries []Entry) map[string]Entry {
	set := make(map[string]Entry, len(entries))
	for _, entry := range entries {
		set[entry.Fingerprint] = entry
	}
	return set
}

// decided are the rules of a result of which it is known what they find.
func decided(result *analyze.Result) map[string]bool {
	set := make(map[string]bool, len(result.Outcomes))
	for _, o := range result.Outcomes {
		set[o.Rule] = o.State != analyze.Undecided && o.State != analyze.Crashed
	}
	return set
}

// A Change says what became of the entries of a snapshot. Every list is in the order of fingerprints.
type Change struct {
	// Added are new entries, and Removed those that went; Graver and Milder are those that stay with another severity.
	Added, Removed, Graver, Milder []Entry
	// Kept is how many stay in all.
	Kept int
}

// Empty reports whether nothing changed.
func (c *Change) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Graver)+len(c.Milder) == 0
}

// Update makes the entries of a result's snapshot those of its findings that count: the entries of findings that are still
// there stay, with their reasons, owners and dates, and the severity of now; for new ones like is copied. An entry that is
// not found any more goes, if its rule was decided. So stays what the configuration suppresses. The result must not have
// been held against a baseline before.
func (f *File) Update(result *analyze.Result, like Entry) Change {
	var change Change
	old := byFingerprint(f.Of(result.Name))
	var entries []Entry
	for i := range result.Findings {
		finding := &result.Findings[i]
		key := text(finding.Fingerprint)
		entry, known := old[key]
		delete(old, key)
		switch {
		case finding.Suppressed != nil && !known:
			continue
		case finding.Suppressed != nil:
		case !known:
			entry = like
			entry.Fingerprint, entry.Severity = key, finding.Severity
			change.Added = append(change.Added, entry)
		case finding.Severity > entry.Severity:
			entry.Severity = finding.Severity
			change.Graver = append(change.Graver, entry)
		case finding.Severity < entry.Severity:
			entry.Severity = finding.Severity
			change.Milder = append(change.Milder, entry)
		}
		if known {
			change.Kept++
		}
		entries = append(entries, entry)
	}
	kept, removed := rest(old, result)
	change.Kept += len(kept)
	change.Removed = removed
	f.set(result.Name, append(entries, kept...))
	sortEntries(change.Added)
	sortEntries(change.Graver)
	sortEntries(change.Milder)
	return change
}

// rest parts entries that were not found into those that are to be kept, and those that are no more.
func rest(entries map[string]Entry, result *analyze.Result) (kept, gone []Entry) {
	known := decided(result)
	for _, entry := range entries {
		if known[entry.Rule()] {
			gone = append(gone, entry)
		} else {
			kept = append(kept, entry)
		}
	}
	sortEntries(gone)
	sortEntries(kept)
	return kept, gone
}

// Prune removes the entries of a result's snapshot that are not found any more, though their rules were decided.
func (f *File) Prune(result *analyze.Result) Change {
	old := byFingerprint(f.Of(result.Name))
	var entries []Entry
	for i := range result.Findings {
		if entry, ok := old[text(result.Findings[i].Fingerprint)]; ok {
			delete(old, entry.Fingerprint)
			entries = append(entries, entry)
		}
	}
	kept, removed := rest(old, result)
	entries = append(entries, kept...)
	f.set(result.Name, entries)
	return Change{Removed: removed, Kept: len(entries)}
}

// An Account holds results against a baseline and keeps count of what it finds. It is used by one goroutine at a time.
type Account struct {
	file  *File
	name  string
	today analyze.Date
	// Remarks are about entries whose findings are graver than they were, or whose day has passed, so that these count; about
	// those that are not found any more, though their rules were decided; and about snapshots of which the baseline has no
	// entry and which it may know by another name.
	Remarks []analyze.Remark
}

// NewAccount begins an account of a baseline, on a day. The name is that of the file.
func NewAccount(file *File, name string, today analyze.Date) *Account {
	return &Account{file: file, name: name, today: today}
}

func (a *Account) remark(kind analyze.RemarkKind, snapshot, fingerprint, message string) {
	remark := analyze.NewRemark(kind, analyze.ByBaseline, a.name)
	remark.Snapshot, remark.Entry, remark.Message = snapshot, fingerprint, message
	a.Remarks = append(a.Remarks, remark)
}

// Apply marks the findings of a result that the baseline has.
func (a *Account) Apply(result *analyze.Result) {
	name := text(result.Name)
	entries := a.file.Of(name)
	if len(entries) == 0 {
		if len(a.file.Similar(name)) > 0 {
			a.remark(analyze.OtherName, name, "", fmt.Sprintf("has no entry of the snapshot %s, but of one that may be the same, found in another way", name))
		}
		return
	}
	old := byFingerprint(entries)
	result.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		entry, ok := old[text(f.Fingerprint)]
		switch {
		case !ok:
			return nil
		case f.Severity > entry.Severity:
			a.remark(analyze.GraverEntry, name, entry.Fingerprint, fmt.Sprintf("%s: %s was accepted as %s and is %s now: it counts",
				name, entry.Fingerprint, withArticle(entry.Severity), withArticle(f.Severity)))
			return nil
		case entry.Expires.Expired(a.today):
			a.remark(analyze.ExpiredEntry, name, entry.Fingerprint, fmt.Sprintf("%s: %s was accepted until %s: it counts again", name, entry.Fingerprint, entry.Expires))
			return nil
		}
		return &analyze.Suppression{By: analyze.ByBaseline, Reason: entry.Reason, Owner: entry.Owner, Expires: string(entry.Expires)}
	})
	for i := range result.Findings {
		delete(old, text(result.Findings[i].Fingerprint))
	}
	_, gone := rest(old, result)
	for _, entry := range gone {
		a.remark(analyze.UnusedEntry, name, entry.Fingerprint, fmt.Sprintf("%s: %s is found no more", name, entry.Fingerprint))
	}
}

// Conclude remarks on the snapshots of the baseline that are Gone, given the names of all that there are.
func (a *Account) Conclude(there []string) {
	for _, name := range a.file.Gone(there) {
		entries := "1 entry"
		if n := len(a.file.Of(name)); n > 1 {
			entries = fmt.Sprintf("%d entries", n)
		}
		a.remark(analyze.UnusedEntry, name, "", fmt.Sprintf("%s: has %s, and is not among these snapshots", name, entries))
	}
}

func withArticle(severity rules.Severity) string {
	if severity == rules.Error {
		return "an error"
	}
	return "a " + severity.String()
}
