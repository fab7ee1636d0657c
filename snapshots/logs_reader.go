package snapshots

import (
	"bytes"
	"fmt"
	"math"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// Each reads the logs from the source and calls visit for every one, in the order of the document. It returns the
// parts that could not be read, but for the end of the document where that is a gap of the snapshot already. It may be called
// again, which reads the source again. Where there is a second core, a large document is read and decoded ahead of the visits, which
// the caller's goroutine makes all the same.
func (l *Logs) Each(visit func(*Log)) []Gap {
	way := readingWay{layout: true, pipelined: worthwhile(l.Document.Source.Size - l.listAt)}
	if l.way != nil {
		way = *l.way
	}
	return l.each(visit, way)
}

// A readingWay is how logs are read. What is read does not depend on it.
type readingWay struct{ layout, pipelined bool }

func (l *Logs) each(visit func(*Log), way readingWay) []Gap {
	if l.listAt < 0 {
		return nil
	}
	r := &logsReader{logs: l, useLayout: way.layout, placements: newPlacements(l.snapshot.Nodes, l.Document.Source.Size-l.listAt), log: new(Log)}
	f, err := l.Document.Source.open(l.listAt)
	if err != nil {
		r.gap(err.Error())
		return r.gaps
	}
	defer func() { _ = f.Close() }() // it was only read
	f.silent = true                  // the window tells the lines, as the layout knows how many there are
	if way.pipelined {
		newPipeline().run(r, f, l.listAt, visit)
	} else {
		r.w = newWindow(f, l.listAt, l.Document.Source.Size-l.listAt)
		r.w.lines = &l.Document.Source.lines
		r.run(visit)
	}
	return r.gaps
}

// run reads all logs. It panics only if the visitor does.
func (r *logsReader) run(visit func(*Log)) {
	defer func() {
		if crash := recover(); crash != nil && !r.visiting {
			r.gap(fmt.Sprintf("reading crashed behind log entry %d: %v", r.number, crash))
		} else if crash != nil {
			panic(crash)
		}
	}()
	if err := r.read(visit); err != nil && err.Error() != r.logs.broken {
		r.gap(fmt.Sprintf("unreadable behind log entry %d: %v", r.number, err))
	}
}

type logsReader struct {
	logs       *Logs
	w          *window
	placements *placements
	useLayout  bool
	layout     *layout
	last       parameters
	log        *Log // that is decoded next; a pipeline has many
	number     int
	gaps       []Gap
	visiting   bool // a panic is the visitor's, not ours
}

func (r *logsReader) gap(reason string) {
	if len(r.gaps) == maxGaps {
		return
	}
	r.gaps = append(r.gaps, Gap{Key: string(BifrostConfig), Kind: BifrostConfig, Source: r.logs.Document.Source.Name, Reason: reason})
}

// read reads the list of logs, and what follows it to be sure that the document is whole.
func (r *logsReader) read(visit func(*Log)) error {
	w := r.w
	if err := w.expect('['); err != nil {
		return err
	}
	more := true
	if c, ok := w.peek(); ok && c == ']' {
		w.pos++
		more = false
	}
	for ; more; r.number++ {
		if r.number == maxLogs {
			return fmt.Errorf("there are more than %d logs", maxLogs)
		}
		ok, err := r.next()
		if err != nil {
			return err
		}
		if ok {
			r.log.findRuns()
			r.visiting = true
			visit(r.log)
			r.visiting = false
		}
		w.anchor = -1
		if more, err = w.next(']'); err != nil {
			return err
		}
	}
	gap := r.gap
	if r.logs.whole || r.logs.through {
		gap = func(string) {} // it was told already
	}
	if err := r.logs.behind(w, gap); err != nil {
		return err
	}
	if _, more := w.peek(); more && !r.logs.whole {
		r.gap(fmt.Sprintf("the text behind the document (byte %d) was not read", w.offset()))
	}
	return nil
}

// next decodes the next entry of the list. ok is false when it is a gap; an error ends the reading.
func (r *logsReader) next() (ok bool, err error) {
	w := r.w
	if _, ok := w.peek(); !ok {
		return false, w.failure()
	}
	w.anchor = w.pos
	if r.useLayout && (r.fast() || r.learn() && r.fast()) {
		return true, nil
	}
	w.pos = w.anchor
	raw, at, err := w.value()
	if err != nil {
		return false, err
	}
	r.reset(at)
	r.log.raw = raw
	v, err := parse(raw, at, r.log.pointer(), "log", r.logs.Document, &r.log.Oddities)
	if err != nil {
		r.gap(fmt.Sprintf("log entry %d (byte %d): %v", r.number, at, err))
		return false, nil
	}
	if !r.decode(v) {
		r.gap(fmt.Sprintf("log entry %d (byte %d): not a pair [log id, {\"chain\": …}]", r.number, at))
		return false, nil
	}
	return true, nil
}

func (r *logsReader) reset(at int64) {
	*r.log = Log{
		Segments: r.log.Segments[:0],
		Runs:     r.log.Runs[:0],
		document: r.logs.Document,
		number:   r.number,
		offset:   at,
	}
}

// lookahead is what must be in the window before a segment is compared with the layout, if the source has that much.
// Tests make it small.
var lookahead = 4 << 10

// rest returns what the window holds behind pos, at least lookahead bytes unless the source ends before.
func (r *logsReader) rest() []byte {
	w := r.w
	if w.end-w.pos < lookahead {
		w.ahead(lookahead)
	}
	return w.buf[w.pos:w.end]
}

// learn takes the layout of the entry at the anchor for that of all. It fails when the text has none.
func (r *logsReader) learn() bool {
	r.w.pos = r.w.anchor
	raw, _, err := r.w.value()
	if err != nil {
		return false
	}
	if y := r.learnFrom(raw); y != nil {
		r.layout = y
		return true
	}
	return false
}

// fast decodes the entry at the anchor by the layout. A single segment that differs is decoded by gjson.
func (r *logsReader) fast() bool {
	w, y := r.w, r.layout
	if y == nil {
		return false
	}
	w.pos = w.anchor
	r.reset(w.offset())
	text := r.rest()
	if !hasPrefixAt(text, 0, y.open) {
		return false
	}
	id, i := digits(text, len(y.open))
	if i == 0 || id > math.MaxUint32 || !hasPrefixAt(text, i, y.chain) {
		return false
	}
	r.log.ID = cluster.LogID(id)
	w.pos += i + len(y.chain)
	segments, newlines, counted := r.log.Segments, y.newlines, true
	for {
		var length int
		number := len(segments)
		segments, length = y.successor.match(r.rest(), segments, w.pos-y.opening-w.anchor, &r.last, r.placements)
		newlines += (len(segments) - number) * y.successor.newlines
		w.pos += length
		text := r.rest()
		number = len(segments)
		segments = oneMore(segments)
		segment := &segments[number]
		if length, more := y.match(text, segment, &r.last, r.placements); length > 0 {
			segment.at, segment.number = uint32(w.pos-y.opening-w.anchor), uint32(number)
			w.pos += length
			if more {
				newlines += y.shapes[0].nextLines
				continue
			}
			newlines += y.shapes[0].lastLines
			break
		}
		w.pos -= y.opening
		r.log.Segments, counted = segments[:number], false
		if !r.slow() {
			return false
		}
		segments = r.log.Segments
		text = r.rest()
		if hasPrefixAt(text, 0, y.between) {
			w.pos += len(y.between)
			continue
		}
		if hasPrefixAt(text, 0, y.close) {
			w.pos += len(y.close)
			break
		}
		return false
	}
	r.log.Segments = segments
	r.log.raw = w.buf[w.anchor:w.pos]
	if counted {
		w.tellCounted(w.anchor, w.pos, newlines)
	}
	return true
}

// slow decodes the segment at pos by gjson, unless its text is damaged.
func (r *logsReader) slow() bool {
	if text := r.rest(); len(text) == 0 || text[0] != '[' {
		return false
	}
	raw, at, err := r.w.value()
	if err != nil {
		return false
	}
	number, before := len(r.log.Segments), len(r.log.Oddities)
	v, err := parse(raw, at, r.log.elementPointer(number), "segment", r.logs.Document, &r.log.Oddities)
	if err != nil || len(r.log.Oddities) > before {
		return false
	}
	r.segment(v, number)
	return len(r.log.Segments) > number
}

// decode reads an entry [log id, {"chain": […]}].
func (r *logsReader) decode(v value) bool {
	key, body, ok := v.pair()
	if !ok || !body.result.IsObject() {
		return false
	}
	key.what = "log id"
	id, ok := key.uint(math.MaxUint32)
	if !ok {
		return false
	}
	r.log.ID = cluster.LogID(id)
	body.what = fmt.Sprintf("log %d", id)
	fields, _ := body.object()
	chain := fields.get("chain", fmt.Sprintf("chain of log %d", id))
	for i, segment := range chain.elements(maxSegments) {
		r.segment(segment, i)
	}
	return true
}

// segment reads the element [base LSN, {"kind": …, "params": …, "index": …}] at the given place of a chain.
func (r *logsReader) segment(v value, number int) {
	log := r.log
	segment := Segment{at: uint32(v.at().Offset - log.offset), number: uint32(number)}
	v.what = fmt.Sprintf("segment of log %d", log.ID)
	broken := func(reason string) { // it keeps its place, or the segment before it would pass for the tail
		log.Segments = append(log.Segments, segment)
		log.defect(reason)
	}
	base, config, ok := v.pair()
	if !ok {
		broken(v.shown() + " is not a pair [base LSN, segment]")
		return
	}
	base.what = "base LSN of a " + v.what
	if lsn, ok := base.uint(math.MaxUint64); ok {
		segment.BaseLSN = cluster.LSN(lsn)
	}
	config.what = v.what
	fields, ok := config.object()
	if !ok {
		broken(config.shown() + " is not an object")
		return
	}
	if v := fields.get("index", "index of a "+v.what); !v.isNull() {
		index, _ := v.uint(math.MaxUint32)
		segment.Index = cluster.SegmentIndex(index)
	}
	kind := fields.get("kind", "kind of a "+v.what)
	segment.Kind = parseKind(enum(kind, kindSpellings[Replicated:]))
	params := fields.get("params", "parameters of a "+v.what)
	log.Segments = append(log.Segments, segment)
	if err := r.params(params, &log.Segments[len(log.Segments)-1]); err != nil {
		log.defect(err.Error())
	}
}

// defect says what is wrong with the last segment.
func (l *Log) defect(reason string) {
	if len(l.Defects) < maxGaps {
		l.Defects = append(l.Defects, Defect{Segment: len(l.Segments) - 1, Reason: reason})
	}
}

// params reads the parameters of a segment, whose form depends on its kind.
func (r *logsReader) params(v value, segment *Segment) error {
	if segment.Kind == UnknownKind {
		return nil
	}
	if v.result.Type != gjson.String {
		return fmt.Errorf("%s is not a string", v.shown())
	}
	inner := v.result.Str
	if segment.Kind == Local || segment.Kind == InMemory {
		id, err := cluster.ParseLogletID(inner)
		if err != nil {
			return err
		}
		segment.Loglet = id
		return nil
	}
	if !shallow(inner) {
		return errTooDeep
	}
	if !gjson.Valid(inner) {
		return fmt.Errorf("%q is not JSON", value{result: gjson.Result{Raw: inner}}.shown())
	}
	params := gjson.Parse(inner)
	if !params.IsObject() {
		return fmt.Errorf("%s is not an object", value{result: params}.shown())
	}
	if segment.Kind == SealMarker {
		return nil
	}
	var oddities []Oddity
	fields, _ := value{text: &text{document: v.document, oddities: &oddities}, result: params, pointer: v.pointer, what: v.what}.object()
	for _, oddity := range oddities { // their offsets are those in the decoded parameters
		at := escapedOffset(v.result.Raw, int(oddity.At.Offset))
		oddity.At = v.document.At(v.at().Offset+int64(at), v.pointer)
		*v.oddities = append(*v.oddities, oddity)
	}
	loglet, _ := fields.find("loglet_id")
	sequencer, _ := fields.find("sequencer")
	replication, _ := fields.find("replication")
	nodeset, _ := fields.find("nodeset")
	id, rounded, ok := parseUint(loglet)
	if !ok {
		return fmt.Errorf("loglet_id %s is not an integer", value{result: loglet}.shown())
	}
	if rounded {
		v.add(Oddity{Kind: RoundedNumber, Value: loglet.Raw})
	}
	segment.Loglet = cluster.LogletID(id)
	var err error
	if segment.Sequencer, err = cluster.ParseGenerationalNodeID(sequencer.Str); err != nil || sequencer.Type != gjson.String {
		return fmt.Errorf("sequencer %s is not a generational node id such as N1:2", value{result: sequencer}.shown())
	}
	slot, err := r.placements.lookup([]byte(replication.Raw+"\x00"+nodeset.Raw+"\x00"), readPlainPlacement)
	if err != nil {
		return err
	}
	segment.Placement = slot.placement
	return nil
}

// readPlainPlacement reads the two values as they stand in the decoded parameters. They end in a zero, unlike any text
// of readEscapedPlacement.
func readPlainPlacement(text []byte) (replication, nodeset gjson.Result, err error) {
	first, second, _ := bytes.Cut(text, []byte{0})
	return gjson.ParseBytes(first), gjson.ParseBytes(bytes.TrimSuffix(second, []byte{0})), nil
}
