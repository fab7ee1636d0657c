package analyze

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Remark is about an entry of a configuration or a baseline that does not do what it was written for. It makes no
// difference to the exit code: what counts again is among the findings that count.
type Remark struct {
	Kind RemarkKind `json:"kind"`
	By   Suppressor `json:"by"`
	// File is the name of the file, without the directories above it, and Line where the entry begins; 0 where that is not known.
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Snapshot is the one that the remark is about; empty for what is about all that were checked.
	Snapshot string `json:"snapshot,omitempty"`
	// Entry is what the entry is about: a fingerprint, or the pattern of rules, "@", and that of entities.
	Entry string `json:"entry,omitempty"`
	// Message says the rest, in the words of an operator.
	Message string `json:"message"`
}

// A RemarkKind is what is the matter with an entry.
type RemarkKind string

// The kinds of remarks.
const (
	UnusedEntry  RemarkKind = "unused"     // it matches nothing, though its rules were decided
	ExpiredEntry RemarkKind = "expired"    // its last day has passed: what it is about counts again
	GraverEntry  RemarkKind = "graver"     // its finding is graver than it was when it was accepted, and counts
	OtherName    RemarkKind = "other name" // the snapshot may be known to the file, by another name
)

var remarkKinds = []RemarkKind{UnusedEntry, ExpiredEntry, GraverEntry, OtherName}

// NewRemark is a remark about a file at a path.
func NewRemark(kind RemarkKind, by Suppressor, file string) Remark {
	return Remark{Kind: kind, By: by, File: path.Base(strings.ReplaceAll(file, `\`, "/"))}
}

// String is the remark in one line, which may hold text from a capture.
func (r Remark) String() string {
	if r.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Message)
	}
	return r.File + ": " + r.Message
}

// SortRemarks puts remarks into an order that does not depend on where files lie, and returns them.
func SortRemarks(remarks []Remark) []Remark {
	slices.SortStableFunc(remarks, func(a, b Remark) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Snapshot, b.Snapshot),
			cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Message, b.Message))
	})
	return remarks
}
