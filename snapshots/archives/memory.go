package archives

import (
	"slices"
	"sync"
)

// A Memory holds members of archives. All trees that share one hold no more than 128 MiB together.
type Memory struct {
	mu       sync.Mutex
	used     int64
	archives []*archive // that hold something; the one that was used last comes last

	whole   *node // is larger, and had to be read at any place
	content []byte
	counts  *allowance // of whole

	parked []parked // the one that was left last comes last
}

// A parked stream was left somewhere, and may be of use behind that place.
type parked struct {
	a *archive
	s *stream
}

// NewMemory returns a memory that holds nothing.
func NewMemory() *Memory { return new(Memory) }

// hold keeps the content of a member if there is room, which archives that were not used for longer have to make. It reports
// whether it did.
func (m *Memory) hold(a *archive, n *node, content []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	size, room := int64(len(content)), maxHeld
	if size > smallMember {
		room -= maxHeld / 4
	}
	m.touch(a)
	for m.used+size > room && m.archives[0] != a {
		m.release(m.archives[0])
	}
	if n.isHeld || m.used+size > room {
		return false
	}
	n.held, n.isHeld = content, true
	a.holding = append(a.holding, n)
	m.used += size
	return true
}

// holdWhole keeps a large member, which may be wanted again, until there is another one.
func (m *Memory) holdWhole(a *archive, n *node, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts != nil {
		m.counts.release(int64(len(m.content)))
	}
	m.whole, m.content, m.counts = n, content, a.counts
}

// The limits of what is parked.
const (
	maxParked      = 16       // streams, each with an open file
	maxParkedBytes = 64 << 20 // of memory that their decoders have
)

// park keeps a stream of an archive, and returns those that have to be closed for it.
func (m *Memory) park(a *archive, s *stream) (closed []*stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parked = append(m.parked, parked{a, s})
	bytes := int64(0)
	for i, p := range slices.Backward(m.parked) {
		if bytes += p.s.taken; i < len(m.parked)-1 && p.a == a || i < len(m.parked)-maxParked || bytes > maxParkedBytes {
			closed = append(closed, p.s)
		}
	}
	m.parked = slices.DeleteFunc(m.parked, func(p parked) bool { return slices.Contains(closed, p.s) })
	return closed
}

// pick returns what is parked of an archive, which it is not any more; nil if nothing is.
func (m *Memory) pick(a *archive) *stream {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.parked, func(p parked) bool { return p.a == a })
	if i < 0 {
		return nil
	}
	s := m.parked[i].s
	m.parked = slices.Delete(m.parked, i, i+1)
	return s
}

// held returns what is held of a member.
func (m *Memory) held(a *archive, n *node) (content []byte, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.isHeld {
		m.touch(a)
	}
	if m.whole == n {
		return m.content, true
	}
	return n.held, n.isHeld
}

// again reports whether an archive had to give way, and forgets it.
func (m *Memory) again(a *archive) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	released := a.released
	a.released = false
	return released
}

func (m *Memory) touch(a *archive) {
	m.archives = append(slices.DeleteFunc(m.archives, func(other *archive) bool { return other == a }), a)
}

// release lets go of what an archive holds.
func (m *Memory) release(a *archive) {
	for _, n := range a.holding {
		m.used -= int64(len(n.held))
		a.counts.release(int64(len(n.held)))
		n.held, n.isHeld = nil, false
	}
	a.holding, a.released = nil, true
	m.archives = slices.DeleteFunc(m.archives, func(other *archive) bool { return other == a })
}
