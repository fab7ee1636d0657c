package snapshots

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// memory is a file system of a few files.
func memory(files map[string]string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// read reads files as one snapshot, in the order of their names.
func read(files map[string]string) (*Snapshot, error) {
	fsys := memory(files)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return Read("test", fsys, names...)
}

// dump renders all that was understood of a snapshot, a line for each thing.
func dump(t testing.TB, s *Snapshot, err error) string {
	d := dumper{t: t}
	if err != nil {
		d.line("error: %v", err)
	}
	for _, document := range s.Documents {
		state := ""
		if !document.Complete {
			state = ", incomplete"
		}
		d.line("%s %v%s, %s", document.Key(), document.Version, state, d.place(document.At(document.Offset, "")))
	}
	for _, rival := range s.Rivals {
		d.line("kept %s %v of %s, not %v of %s%s", rival.Kept.Key(), rival.Kept.Version, d.place(rival.Kept.At(rival.Kept.Offset, "")),
			rival.Other.Version, d.place(rival.Other.At(rival.Other.Offset, "")), strings.TrimSuffix(fmt.Sprintf(" %q", rival.ClusterNames), ` ["" ""]`))
	}
	d.nodes(s.Nodes)
	d.partitions(s.Partitions)
	for _, epoch := range s.Epochs {
		d.epoch(epoch)
	}
	gaps := s.Gaps
	oddities := s.Oddities
	if s.Logs != nil {
		d.provider(s.Logs.DefaultProvider)
		gaps = append(slices.Clone(gaps), s.Logs.Each(func(log *Log) {
			d.log(log)
			oddities = append(oddities, log.Oddities...)
		})...)
	}
	for _, oddity := range oddities {
		d.line("odd: %s", d.oddity(oddity))
	}
	for _, gap := range gaps {
		d.line("gap: %s", gap)
	}
	return d.String()
}

type dumper struct {
	strings.Builder
	t testing.TB
}

func (d *dumper) line(format string, values ...any) { fmt.Fprintf(d, format+"\n", values...) }

// place renders a position as source:line:column.
func (d *dumper) place(at Position) string {
	lines, err := at.Source.Lines([]int64{at.Offset})
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d:%d", at.Source.Name, lines[0].Number, lines[0].Column)
}

// under is what stands at a position, up to a few bytes.
func (d *dumper) under(at Position) string {
	lines, err := at.Source.Lines([]int64{at.Offset})
	if err != nil {
		d.t.Fatal(err)
	}
	text := lines[0].Text[min(lines[0].Column-lines[0].Start, int64(len(lines[0].Text))):]
	return string(text[:min(len(text), 24)])
}

var oddityNames = map[OddityKind]string{
	DuplicateKey: "duplicate key", ControlCharacter: "control character", InvalidUTF8: "invalid UTF-8", ForeignText: "foreign text",
	RoundedNumber: "rounded number", UnknownValue: "unknown value", InvalidValue: "invalid value",
}

func (d *dumper) oddity(o Oddity) string {
	text := fmt.Sprintf("%s: %s at %s %s %q", oddityNames[o.Kind], o.What, d.place(o.At), o.At.Pointer, d.under(o.At))
	if o.Value != "" {
		text += ", is " + o.Value
	}
	if o.Want != "" {
		text += ", want " + o.Want
	}
	return text
}

func (d *dumper) nodes(nodes *Nodes) {
	if nodes == nil {
		return
	}
	d.line("cluster %q, fingerprint %d, modified %d, features %v", nodes.ClusterName, uint64(nodes.Fingerprint), uint64(nodes.ModifiedAt), nodes.Features)
	for node := range nodes.All() {
		if node.Unreadable {
			d.line("  %v unreadable at %s", node.ID, d.place(node.At))
			continue
		}
		if node.Removed {
			d.line("  %v removed at %s", node.ID, d.place(node.At))
			continue
		}
		d.line("  %v %q %v at %s, address %q, roles %v, location %q, storage %s, worker %s, metadata %q, release %v", node.ID, node.Name,
			node.Generation, d.place(node.At), node.Address, node.Roles, node.Location, node.Storage, node.Worker, node.Metadata, node.Release)
	}
	for _, lookup := range nodes.NameLookup {
		d.line("  name %q is %v", lookup.Name, lookup.Node)
	}
}

func (d *dumper) partitions(table *Partitions) {
	if table == nil {
		return
	}
	d.line("%d partitions, everywhere %t, replication %v", table.Count, table.Everywhere, table.Replication)
	for partition := range table.All() {
		d.line("  partition %d: keys %d to %d, log %d, at %s", partition.ID, partition.Start, partition.End, partition.Log, d.place(partition.At))
	}
}

func (d *dumper) epoch(epoch *Epoch) {
	leader := "none"
	if epoch.Leader != nil {
		leader = fmt.Sprintf("%v at %s", epoch.Leader.Node, d.place(epoch.Leader.At))
	}
	d.line("epoch of partition %d: %v, leader %s", epoch.Partition, epoch.Epoch, leader)
	d.configuration("current", epoch.Current)
	d.configuration("next", epoch.Next)
}

func (d *dumper) configuration(name string, c *PartitionConfiguration) {
	if c != nil {
		d.line("  %s %v: replication %v, replicas %v at %s", name, c.Version, c.Replication, c.ReplicaSet, d.place(c.At))
	}
}

func (d *dumper) provider(provider *Provider) {
	if provider != nil {
		d.line("default provider %v, replication %v, nodeset size %d", provider.Kind, provider.Replication, provider.TargetNodesetSize)
	}
}

func (d *dumper) log(log *Log) {
	d.line("log %d at %s", log.ID, d.place(log.At()))
	for i, segment := range log.Segments {
		text := fmt.Sprintf("  %d: LSN %d, %v, index %d", i, segment.BaseLSN, segment.Kind, segment.Index)
		switch segment.Kind {
		case Local, InMemory:
			text += fmt.Sprintf(", loglet %v", segment.Loglet)
		case Replicated:
			text += fmt.Sprintf(", loglet %v", segment.Loglet)
			if p := segment.Placement; p != nil {
				text += fmt.Sprintf(", sequencer %v, replication %v, nodeset %v", segment.Sequencer, p.Replication, p.Nodeset)
				if p.Invalid != "" {
					text += ", invalid: " + p.Invalid
				}
			}
		case SealMarker:
			if seal, ok := log.SealOf(i); ok {
				text += fmt.Sprintf(", permanent %t, context %v", seal.Permanent, seal.Context)
			}
		}
		if log.Open(i) {
			text += ", open"
		}
		d.line("%s, at %s", text, d.place(log.SegmentAt(i)))
	}
	for _, defect := range log.Defects {
		at := log.ParamsAt(defect.Segment)
		d.line("  defect in %d at %s %s: %s", defect.Segment, d.place(at), at.Pointer, defect.Reason)
	}
}
