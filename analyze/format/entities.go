package format

import (
	"slices"
	"strconv"
	"strings"

	"restate-lint/rules"
	"restate-lint/snapshots/cluster"
)

// Entities lists what findings are about, compactly: "log 0 segments 3-9, 12; logs 1-8 segment 4". Subjects are to be
// added in the order of a report.
type entities struct {
	list []entity
	logs int // distinct ones
}

// An entity is a run of subjects of one kind.
type entity struct {
	kind    entityKind
	outer   span   // the logs of segments
	numbers []span // of what the kind says
	text    string // of other entities
}

type entityKind uint8

const (
	otherEntity entityKind = iota
	logEntity
	segmentEntity
	partitionEntity
	nodeEntity
)

// A span is a range of numbers; both ends are part of it.
type span struct{ from, to uint64 }

func (e *entities) add(s *rules.Subject) {
	node, err := cluster.ParseNodeID(s.Node)
	switch {
	case s.Log != nil && s.Segment != nil:
		e.addSegment(uint64(*s.Log), uint64(*s.Segment))
	case s.Log != nil:
		e.addNumber(logEntity, uint64(*s.Log))
	case s.Partition != nil:
		e.addNumber(partitionEntity, uint64(*s.Partition))
	case s.Deployment == "" && s.Document == "" && s.Node != "" && err == nil:
		e.addNumber(nodeEntity, uint64(node))
	default:
		if text := s.Entity(); len(e.list) == 0 || e.last().text != text {
			e.list = append(e.list, entity{text: text})
		}
	}
}

func (e *entities) last() *entity { return &e.list[len(e.list)-1] }

func (e *entities) addNumber(kind entityKind, n uint64) {
	if len(e.list) == 0 || e.last().kind != kind {
		e.list = append(e.list, entity{kind: kind})
	}
	if e.last().extend(n) && kind == logEntity {
		e.logs++
	}
}

// extend adds a number behind those before. It returns false for one that is there already, which changes nothing.
func (e *entity) extend(n uint64) bool {
	if len(e.numbers) > 0 {
		last := &e.numbers[len(e.numbers)-1]
		if n >= last.from && n <= last.to {
			return false
		}
		if n == last.to+1 {
			last.to = n
			return true
		}
	}
	e.numbers = append(e.numbers, span{n, n})
	return true
}

func (e *entities) addSegment(log, segment uint64) {
	if len(e.list) == 0 || e.last().kind != segmentEntity || e.last().outer.to != log {
		e.merge()
		e.list = append(e.list, entity{kind: segmentEntity, outer: span{log, log}})
		e.logs++
	}
	e.last().extend(segment)
}

// merge puts the last two entities together if they are the same segments of neighbouring logs.
func (e *entities) merge() {
	if len(e.list) < 2 {
		return
	}
	a, b := &e.list[len(e.list)-2], e.last()
	if a.kind == segmentEntity && b.kind == segmentEntity && a.outer.to+1 == b.outer.from && slices.Equal(a.numbers, b.numbers) {
		a.outer.to = b.outer.to
		e.list = e.list[:len(e.list)-1]
	}
}

// entityLines bounds how many lines are spent on a list of entities.
const entityLines = 3

// lines prints the entities on a few lines of the given width; the last one tells when something was left out.
func (e *entities) lines(width int) []string {
	e.merge()
	var text strings.Builder
	used := 0
	for i := range e.list {
		part := e.list[i].String()
		if i > 0 {
			if used+columns(part) > entityLines*width-20 {
				text.WriteString("; …")
				if e.logs > 1 {
					text.WriteString(" (" + count(e.logs, "log") + ")")
				}
				break
			}
			text.WriteString("; ")
		}
		text.WriteString(part)
		used += columns(part) + 2
	}
	return wrap(text.String(), width)
}

// numbersShown bounds the ranges that are listed of one log.
const numbersShown = 12

func (e *entity) String() string {
	if e.kind == otherEntity {
		return Clean(e.text)
	}
	var list []string
	for i, s := range e.numbers {
		if i == numbersShown {
			list = append(list, "…")
			break
		}
		list = append(list, s.text(e.kind))
	}
	numbers := strings.Join(list, ", ")
	several := len(e.numbers) > 1 || e.numbers[0].from != e.numbers[0].to
	switch e.kind {
	case logEntity:
		return noun("log", several) + " " + numbers
	case partitionEntity:
		return noun("partition", several) + " " + numbers
	case segmentEntity:
		return noun("log", e.outer.from != e.outer.to) + " " + e.outer.text(logEntity) + " " + noun("segment", several) + " " + numbers
	}
	return numbers
}

func noun(word string, several bool) string {
	if several {
		return word + "s"
	}
	return word
}

func (s span) text(kind entityKind) string {
	prefix := ""
	if kind == nodeEntity {
		prefix = "N"
	}
	text := prefix + strconv.FormatUint(s.from, 10)
	if s.to != s.from {
		text += "-" + prefix + strconv.FormatUint(s.to, 10)
	}
	return text
}
