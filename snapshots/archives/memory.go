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
