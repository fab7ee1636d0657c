package snapshots

import (
	"bytes"
	"fmt"
)

// A resultReader reads the query results of one source, row by row.
type resultReader struct {
	*reader
	source   *Source
	promised bool // the source should hold JSON
	results  []*result
	last     *result // that of the row before, when rows stand one on a line
	other    bool    // rows of a table that is not kept were passed over
	early    int     // damaged rows that stand by themselves before the first sound one
}

// A result is what a source holds of one table.
type result struct {
	*Document
	table   *table
	rows    int
	damaged int
	odd     int    // how many oddities were kept
	dropped bool   // there are more rows than are kept
	ending  []byte // of the row before, from its last column on
}

// repeats reports whether a row says no more than the one before. Of the largest tables only a version is kept, which
// stands in the last column and is the same in all rows of a result.
func (of *result) repeats(raw []byte) bool {
	return of != nil && len(of.ending) > 0 && bytes.HasSuffix(raw, of.ending)
}

func (of *result) remember(raw []byte) {
	if !of.table.version {
		return
	}
	ending := raw[bytes.LastIndexByte(raw, ',')+1:]
	if of.ending = of.ending[:0]; bytes.Contains(ending, []byte(`version":`)) {
		of.ending = append(of.ending, ending...)
	}
}

// damagedShown bounds how many damaged rows of a result are named one by one, maxRowOddities how many oddities are kept of
// it: they must not crowd out those of the metadata.
const (
	damagedShown   = 10
	maxRowOddities = 1_000
)

func (r *resultReader) result(t *table, offset int64) *result {
	for _, known := range r.results {
		if known.table == t {
			return known
		}
	}
	s := r.snapshot
	if s.Live == nil {
		s.Live = &Live{views: make(map[Kind]*View), due: make(map[Kind]int)}
	}
	d := &Document{Kind: t.kind, Source: r.source, Offset: offset, Complete: true}
	s.Documents = append(s.Documents, d)
	found := &result{Document: d, table: t}
	r.results = append(r.results, found)
	return found
}

// damage notes that a part of a result cannot be used.
func (r *resultReader) damage(of *result, reason string) {
	of.Complete = false
	if of.damaged++; of.damaged <= damagedShown {
		r.gap(of, reason)
	}
}

func (r *resultReader) gap(of *result, reason string) {
	r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Key: of.Key(), Kind: of.Kind, Source: r.source.Name, Reason: reason})
}

// bound drops rows beyond what is kept of a table.
func (r *resultReader) bound(of *result, most int) {
	if r.snapshot.Live.bound(of.Kind, most) && !of.dropped {
		of.dropped, of.Complete = true, false
		r.gap(of, fmt.Sprintf("it is about more than %d things, of which the others were left out", maxRows))
	}
}

// close sums up what was not said of each damaged row.
func (r *resultReader) close() {
	for _, of := range r.results {
		r.bound(of, maxRows)
		if more := of.damaged - damagedShown; more > 0 {
			r.gap(of, fmt.Sprintf("%d more places of its rows cannot be used", more))
		}
	}
}

// rowNext reports whether the object at pos may be a row, by its first field. It does not have to read all of it.
func (w *window) rowNext() bool {
	const longest = 64
	w.ahead(longest)
	text := w.buf[w.pos:min(w.end, w.pos+4*longest)]
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	if len(text) == 0 || text[0] != '"' {
		return false
	}
	name, behind, ok := bytes.Cut(text[1:], []byte{'"'})
	if ok && string(name) == "replication" {
		// The one field of a document that is a column as well; in the document it holds an object.
		behind = bytes.TrimLeft(behind, " \t\r\n:")
		return len(behind) > 0 && behind[0] == '"'
	}
	return ok && rowColumn(name)
}

// array reads the array at pos, which is a result if its first sound element is a row. It returns its document, nil
// when it is none. After an error nothing behind the array can be read.
func (r *resultReader) array() (*Document, error) {
	w := r.window
	start := w.offset()
	w.pos++ // the bracket
	if c, ok := w.peek(); ok && c == ']' {
		w.pos++
		return nil, nil
	}
	var of *result
	var early []string // what is wrong with rows before the first sound one
	other := false
	for n := 0; ; n++ {
		if _, ok := w.peek(); !ok {
			return r.broken(of, n, w.failure())
		}
		if other || of == nil && !w.rowNext() {
			other = true
			if err := w.skip(); err != nil {
				return nil, err
			}
		} else {
			raw, at, err := w.value()
			if err != nil {
				return r.broken(of, n, err)
			}
			if of.repeats(raw) {
				of.rows = n + 1
			} else if of, other = r.element(of, n, raw, at, start, &early); other {
				early = nil
			}
		}
		if more, err := w.next(']'); err != nil {
			return r.broken(of, n+1, err)
		} else if !more {
			break
		}
	}
	if of == nil {
		if len(early) > 0 && r.promised {
			r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Source: r.source.Name, Reason: early[0]})
		}
		return nil, nil
	}
	return of.Document, nil
}

// element reads one element of an array: of is what the array is the result of, nil as long as no sound row told. other is
// true when this one told that it is none.
func (r *resultReader) element(of *result, n int, raw []byte, at, start int64, early *[]string) (now *result, other bool) {
	o, oddities, err := r.parse(of, n, raw, at)
	switch {
	case err != nil && of != nil:
		r.damage(of, damagedRow(n, at, err.Error()))
		return of, false
	case err != nil:
		if len(*early) < damagedShown {
			*early = append(*early, damagedRow(n, at, err.Error()))
		}
		return nil, false
	case of == nil:
		t := tableOf(o)
		if t == nil {
			return nil, true
		}
		of = r.result(t, start)
		for _, reason := range *early {
			r.damage(of, reason)
		}
	}
	r.add(of, n, o, oddities)
	of.remember(raw)
	return of, false
}

// broken ends a result in the middle.
func (r *resultReader) broken(of *result, n int, err error) (*Document, error) {
	if of == nil {
		return nil, err
	}
	r.damage(of, fmt.Sprintf("unreadable from row %d on: %v", n, err))
	return of.Document, err
}

func damagedRow(n int, at int64, reason string) string {
	return fmt.Sprintf("row %d (byte %d): %s", n, at, reason)
}

// line reads the object at pos if it is a row that stands by itself, as --jsonl prints them. ok is false when it is
// something else; nothing was consumed then. The document is nil for a row of a table that is not kept; another says
// that the row before was not of the same. A damaged row ends with its line.
func (r *resultReader) line() (d *Document, another, ok bool) {
	w := r.window
	if !w.rowNext() {
		return nil, false, false
	}
	w.anchor = w.pos
	raw, at, err := w.value()
	start := w.anchor
	w.anchor = -1
	if err == nil && r.last.repeats(raw) {
		r.last.rows++
		return r.last.Document, false, true
	}
	before, n := r.last, 0
	if before != nil {
		n = before.rows
	}
	var o object
	var oddities *[]Oddity
	if err == nil {
		o, oddities, err = r.parse(before, n, raw, at)
	}
	if err != nil {
		at = w.base + int64(start)
		w.pos = start
		if before == nil && !r.promised {
			return nil, false, false
		}
		w.skipRow()
		if before == nil {
			if r.early++; r.early <= damagedShown {
				r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Source: r.source.Name, Reason: damagedRow(n, at, err.Error())})
			}
			return nil, true, true
		}
		before.rows++
		r.damage(before, damagedRow(n, at, err.Error()))
		return before.Document, false, true
	}
	t := tableOf(o)
	if t == nil {
		if _, versioned := o.find("version"); versioned {
			w.pos = start
			return nil, false, false // no table has it, and every document
		}
		another = !r.other
		r.other = true
		return nil, another, true
	}
	r.last = r.result(t, at)
	r.add(r.last, r.last.rows, o, oddities)
	r.last.remember(raw)
	return r.last.Document, r.last != before, true
}

// skipRow moves behind the line at pos.
func (w *window) skipRow() {
	for {
		if i := bytes.IndexByte(w.buf[w.pos:w.end], '\n'); i >= 0 {
			w.pos += i + 1
			return
		}
		w.pos = w.end
		if _, more := w.fill(); !more {
			return
		}
	}
}

// parse decodes one row. The document of its oddities is filled in later if it is not known yet.
func (r *resultReader) parse(of *result, n int, raw []byte, at int64) (object, *[]Oddity, error) {
	d := &Document{Source: r.source}
	if of != nil {
		d = of.Document
	}
	oddities := new([]Oddity)
	v, err := parse(raw, at, "/"+itoa(n), "row", d, oddities)
	if err != nil {
		return object{}, nil, err
	}
	if !v.result.IsObject() {
		return object{}, nil, fmt.Errorf("%s is not an object", v.shown())
	}
	o, _ := v.object()
	return o, oddities, nil
}

// add takes over a sound row. A value that cannot be used is a gap; what is wrong with the text is an oddity.
func (r *resultReader) add(of *result, n int, o object, oddities *[]Oddity) {
	of.rows = n + 1
	o.document = of.Document
	c := &cells{object: o, row: row{document: of.Document, offset: o.at().Offset, number: n}}
	if !of.table.add(r.snapshot.Live, c) {
		r.damage(of, damagedRow(n, c.offset, "it does not say what it is about"))
	}
	for _, oddity := range *oddities {
		switch oddity.Kind {
		case InvalidValue, UnknownValue, RoundedNumber:
			r.damage(of, damagedRow(n, c.offset, fmt.Sprintf("%s is %s", oddity.What, oddity.Value)))
		default:
			if of.odd < maxRowOddities && len(r.snapshot.Oddities) < maxOddities {
				of.odd++
				oddity.Document = of.Document
				r.snapshot.Oddities = append(r.snapshot.Oddities, oddity)
			}
		}
	}
	if !of.table.version {
		r.bound(of, max(r.snapshot.Live.due[of.Kind], 1<<13))
	}
}
