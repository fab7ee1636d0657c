package format_test

import (
	"bytes"
	"io"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// An answer is one of the commands that answer a question about a snapshot. It fails where the snapshot lacks what the
// answer needs.
type answer struct {
	name   string
	schema []byte
	write  func(io.Writer, *snapshots.Snapshot) error
}

var answers = []answer{
	{"whatif", format.WhatIfSchema, func(w io.Writer, s *snapshots.Snapshot) error {
		a, err := analyze.NewWhatIf("1.2.3", s, []string{"N1"})
		if err != nil {
			return err
		}
		return format.WhatIfJSON(w, a)
	}},
	{"survey", format.SurveySchema, func(w io.Writer, s *snapshots.Snapshot) error {
		a, err := analyze.NewSurvey("1.2.3", s, nil)
		if err != nil {
			return err
		}
		return format.SurveyJSON(w, a)
	}},
	{"replication", format.ReplicationSchema, func(w io.Writer, s *snapshots.Snapshot) error {
		a, err := analyze.NewReplicationAnswer("1.2.3", s, cluster.Replication{Node: 2, Zone: 2}, []string{"N1"})
		if err != nil {
			return err
		}
		return format.ReplicationJSON(w, a)
	}},
	{"removable", format.RemovableSchema, func(w io.Writer, s *snapshots.Snapshot) error {
		a, err := analyze.NewRemovable("1.2.3", s, nil)
		if err != nil {
			return err
		}
		return format.RemovableJSON(w, a)
	}},
	{"removable nodes", format.RemovableSchema, func(w io.Writer, s *snapshots.Snapshot) error {
		words := []string{"N1"}
		if s.Nodes.Get(2) != nil {
			words = append(words, "N2")
		}
		a, err := analyze.NewRemovable("1.2.3", s, words)
		if err != nil {
			return err
		}
		return format.RemovableJSON(w, a)
	}},
}

func (a answer) follows(t *testing.T, schema *jsonschema.Schema, s *snapshots.Snapshot) {
	t.Helper()
	var out bytes.Buffer
	if err := a.write(&out, s); err != nil {
		t.Fatalf("%s: %v", a.name, err)
	}
	validate(t, schema, out.Bytes())
}

func TestAnswersAboutEveryCaptureFollowTheirSchemas(t *testing.T) {
	for _, a := range answers {
		schema := compile(t, a.schema)
		eachCapture(t, func(t *testing.T, s *snapshots.Snapshot) { a.follows(t, schema, s) })
	}
}

// Documents may be missing, and an entry of the nodes configuration may be one that nobody can read.
func TestAnswersThatLackEvidenceFollowTheirSchemas(t *testing.T) {
	const nodes = `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[[1,{"Node":{"name":"n1","current_generation":[1,1],"address":"http://n1/","roles":["log-server","worker","metadata-server"],"log_server_config":{"storage_state":"read-write"}}}],[2,"Tombstone"],[3,ENTRY]]}`
	const logs = `{"version":1,"logs":[[0,{"chain":[[1,{"index":0,"kind":"replicated","params":"{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":2},\"nodeset\":[1,2,3,7]}"}]]}]]}`
	readable := regexp.MustCompile("ENTRY").ReplaceAllString(nodes, `"Tombstone"`)
	unreadable := regexp.MustCompile("ENTRY").ReplaceAllString(nodes, `{"Witness":{}}`)
	for _, a := range answers {
		schema := compile(t, a.schema)
		for _, texts := range [][]string{{readable}, {readable, logs}, {unreadable}, {unreadable, logs}} {
			if texts[0] == unreadable && (a.name == "survey" || a.name == "replication") {
				continue // they answer nothing then
			}
			files := fstest.MapFS{"nodes_config.json": {Data: []byte(texts[0])}}
			names := []string{"nodes_config.json"}
			if len(texts) > 1 {
				files["bifrost_config.json"] = &fstest.MapFile{Data: []byte(texts[1])}
				names = append(names, "bifrost_config.json")
			}
			s, _ := snapshots.Read("case", files, names...)
			a.follows(t, schema, s)
		}
	}
}
