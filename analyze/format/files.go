package format

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"restate-lint/analyze"
)

// filePath is where other programs look for a source: below the root of the repository if it is known where that is, and
// otherwise below the name of its snapshot. It never leads out of there.
func filePath(r *analyze.Result, source string) string {
	switch {
	case r.Path != "":
		source = path.Join(r.Path, inside(source))
	case r.Name == source || strings.HasSuffix(r.Name, "/"+source): // a file that is a snapshot of its own
		source = r.Name
	default:
		source = r.Name + "/" + inside(source)
	}
	return inside(source)
}

// inside makes a path relative, and cuts off what leads upwards.
func inside(file string) string { return strings.TrimPrefix(path.Clean("/"+file), "/") }

// fileURI is a path as a relative reference (RFC 3986).
func fileURI(file string) string {
	// A first step with a colon would be taken for a scheme; String puts "./" before it.
	return (&url.URL{Path: file}).String()
}

// place is the location of a finding for formats that want one: that of the finding, or the start of the document that
// it is about, or of any. It has no source only if nothing was captured.
func placeOf(r *analyze.Result, f *analyze.Finding) analyze.Location {
	if f.Location.Source != "" || len(r.Documents) == 0 {
		return f.Location
	}
	i := slices.IndexFunc(r.Documents, func(d analyze.Document) bool { return d.Kind == f.Subject.Document })
	return analyze.Location{Source: r.Documents[max(i, 0)].Source}
}

// related says in a few words what explains a finding: "N4 is a tombstone (metadata/nodes_config.json:138:7)".
func relatedText(related *analyze.Related) string {
	if related.Location.Source == "" {
		return Clean(related.Message)
	}
	return Clean(related.Message) + " (" + sourceLines(nil).place(&related.Location) + ")"
}
