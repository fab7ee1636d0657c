package snapshots

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// Same reports whether two documents of one key say the same. How they are printed and in which order they list their
// entries makes no difference: Restate prints nodes and logs in another order every time. Documents that cannot be read
// to their end are not the same.
func Same(a, b *Document) bool {
	if a.Kind != b.Kind || a.Version != b.Version || !a.Complete || !b.Complete {
		return false
	}
	x, errX := a.content()
	y, errY := b.content()
	return errX == nil && errY == nil && x == y
}

// A content is the sum of the hashes of everything in a document: each field, and each entry of a list by itself.
type content [4]uint64

// add takes over a value of the named field.
func (c *content) add(name, value []byte) {
	compact := bytes.NewBuffer(bytes.Clone(name))
	if json.Compact(compact, value) != nil {
		compact.Write(value)
	}
	hash := sha256.Sum256(compact.Bytes())
	for i := range c {
		c[i] += binary.LittleEndian.Uint64(hash[8*i:])
	}
}

// content reads the document once more.
func (d *Document) content() (content, error) {
	var c content
	f, err := d.Source.Open(d.Offset)
	if err != nil {
		return c, err
	}
	defer f.Close()
	w := newWindow(f, d.Offset, d.Source.Size-d.Offset)
	if err := w.expect('{'); err != nil {
		return c, err
	}
	for {
		raw, _, err := w.value()
		if err != nil {
			return c, err
		}
		name := bytes.Clone(raw)
		if err := w.expect(':'); err != nil {
			return c, err
		}
		if first, _ := w.peek(); first == '[' {
			err = c.list(w, name)
		} else if raw, _, err = w.value(); err == nil {
			c.add(name, raw)
		}
		if err != nil {
			return c, err
		}
		if more, err := w.next('}'); err != nil || !more {
			return c, err
		}
	}
}

func (c *content) list(w *window, name []byte) error {
	if err := w.expect('['); err != nil {
		return err
	}
	c.add(name, []byte("[]"))
	if first, ok := w.peek(); ok && first == ']' {
		return w.expect(']')
	}
	for {
		raw, _, err := w.value()
		if err != nil {
			return err
		}
		c.add(name, raw)
		if more, err := w.next(']'); err != nil || !more {
			return err
		}
	}
}
