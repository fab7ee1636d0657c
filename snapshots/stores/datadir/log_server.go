package datadir

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"restate-lint/snapshots/stores"
)

// The first bytes of the keys of a log server. The id of the loglet follows, eight bytes, and the offset for records.
const (
	recordKey     = 'd'
	sealKey       = 'Z'
	trimPointKey  = 't'
	sequencerKey  = 's'
	globalTailKey = 'g'
	localTailKey  = 'l' // not written up to Restate 1.7
)

const logletKeySize = 9

func isLogletKey(key []byte) bool {
	if len(key) != logletKeySize {
		return false
	}
	switch key[0] {
	case sealKey, trimPointKey, sequencerKey, globalTailKey, localTailKey:
		return true
	}
	return false
}

// maxLoglets bounds the loglets of one server: 65,536 logs, with a good number of segments each.
const maxLoglets = 1 << 22

// logServer reads what a log server's directory tells of loglets. The records stay unread.
func logServer(dir directory) *stores.Store {
	state := &stores.LogServerState{}
	store := &stores.Store{Kind: stores.LogServer, Name: dir.name, LogServer: state}
	loglets := make(map[uint64]*stores.Loglet)
	loglet := func(id uint64) *stores.Loglet {
		l := loglets[id]
		if l == nil {
			l = &stores.Loglet{ID: id, LocalTail: 1}
			if len(loglets) < maxLoglets {
				loglets[id] = l
			}
		}
		return l
	}
	var problems []stores.Problem
	odd := func(what string, id uint64, key byte) {
		if len(problems) < maxProblems {
			problems = append(problems, stores.Problem{Source: dir.name, Reason: fmt.Sprintf("loglet %d_%d: the %s (%q) is not as Restate writes it", id>>32, uint32(id), what, key)})
		}
	}
	for entry := range dir.db.Scan("metadata") {
		if string(entry.Key) == storageMarkerKey {
			marker, err := readMarker(entry.Value)
			if err != nil {
				problems = append(problems, stores.Problem{Source: dir.name, Reason: storageMarkerKey + ": " + err.Error()})
			}
			state.NodeID = marker.id
			continue
		}
		if !isLogletKey(entry.Key) {
			continue
		}
		id := binary.BigEndian.Uint64(entry.Key[1:])
		l := loglet(id)
		switch key := entry.Key[0]; {
		case key == sealKey:
			l.Sealed, l.SealedAt = true, string(entry.Value[:min(len(entry.Value), maxText)])
		case key == sequencerKey && len(entry.Value) == 8:
			l.Sequencer.Node, l.Sequencer.Generation = binary.BigEndian.Uint32(entry.Value), binary.BigEndian.Uint32(entry.Value[4:])
		case key == sequencerKey:
			odd("sequencer", id, key)
		case key == globalTailKey && len(entry.Value) == 4:
			l.KnownGlobalTail = binary.BigEndian.Uint32(entry.Value)
		case key == globalTailKey:
			odd("known global tail", id, key)
		case key == trimPointKey: // the highest one ever set counts
			values := entry.Operands
			if entry.Value != nil {
				values = append(values, entry.Value)
			}
			for _, value := range values {
				if len(value) != 4 {
					odd("trim point", id, key)
					continue
				}
				l.TrimPoint = max(l.TrimPoint, binary.BigEndian.Uint32(value))
			}
		}
	}
	for key := range dir.db.Highest("data", logletKeySize) {
		if len(key) != logletKeySize+8 || key[0] != recordKey {
			continue
		}
		id, offset := binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint64(key[logletKeySize:])
		if offset > math.MaxUint32 {
			odd("offset of a record", id, recordKey)
			continue
		}
		loglet(id).LocalTail = offset + 1
	}
	for _, id := range slices.Sorted(maps.Keys(loglets)) {
		l := loglets[id]
		l.LocalTail = max(l.LocalTail, uint64(l.TrimPoint)+1)
		state.Loglets = append(state.Loglets, *l)
	}
	if len(loglets) == maxLoglets {
		problems = append(problems, stores.Problem{Source: dir.name, Reason: fmt.Sprintf("more than %d loglets: the others are left out", maxLoglets)})
	}
	store.Size, store.Format = dir.db.Size(), dir.format()
	store.Problems = append(dir.problems(), problems...)
	return store
}
