package snapshots

// Ways are all ways to read logs, by what is special about each. The plain one decodes everything by gjson.
var Ways = map[string]readingWay{
	"plain":                    {},
	"by layout":                {layout: true},
	"by layout, in a pipeline": {layout: true, pipelined: true},
	"plain, in a pipeline":     {pipelined: true},
}

// ReadLogs makes the logs be read in one of the ways from now on.
func (s *Snapshot) ReadLogs(way readingWay) {
	if s.Logs != nil {
		s.Logs.way = &way
	}
}
