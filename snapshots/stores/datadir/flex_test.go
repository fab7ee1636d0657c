package datadir

import "encoding/binary"

// flexMember is one element of a FlexBuffers map.
type flexMember struct {
	key   string
	value any // a uint64, a string for a blob, or flexMembers
}

// flex encodes a map, with everything in 32 bits. Keys must be sorted.
func flex(members ...flexMember) []byte {
	b, at := flexMap(nil, members)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-at))
	return append(b, 9<<2|2, 4)
}

// flexMap appends a map, and returns where it is.
func flexMap(b []byte, members []flexMember) ([]byte, int) {
	type slot struct {
		kind   byte
		at     int
		number uint32
	}
	var keys []int
	var slots []slot
	for _, m := range members {
		keys = append(keys, len(b))
		b = append(append(b, m.key...), 0)
		switch value := m.value.(type) {
		case uint64:
			slots = append(slots, slot{kind: 2, number: uint32(value)})
		case string:
			b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
			slots = append(slots, slot{kind: 25, at: len(b)})
			b = append(b, value...)
		case []flexMember:
			var at int
			b, at = flexMap(b, value)
			slots = append(slots, slot{kind: 9, at: at})
		}
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(members)))
	keyVector := len(b)
	for _, at := range keys {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-at))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-keyVector))
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(members)))
	at := len(b)
	for _, s := range slots {
		if s.kind != 2 {
			s.number = uint32(len(b) - s.at)
		}
		b = binary.LittleEndian.AppendUint32(b, s.number)
	}
	for _, s := range slots {
		b = append(b, s.kind<<2|2)
	}
	return b, at
}

// localText is a value of a local metadata store.
func localText(version uint64, payload string) string {
	content := flex(flexMember{"value", payload}, flexMember{"version", version})
	return string(append(binary.LittleEndian.AppendUint32([]byte{codecFlexBuffers}, uint32(len(content))), content...))
}
