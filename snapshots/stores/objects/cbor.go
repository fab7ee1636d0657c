package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The major types of CBOR that an envelope consists of.
const (
	cborUint  = 0
	cborBytes = 2
	cborText  = 3
	cborArray = 4
	cborMap   = 5
)

// maxNesting is how deep the parts of an envelope are followed that nothing is taken from. Restate nests three levels.
const maxNesting = 8

var errCBOR = errors.New("the object ends in the middle of its envelope")

// A cbor reads items of CBOR one after another.
type cbor struct{ rest []byte }

// head reads the head of an item: its type, and its number or its length. Lengths are always stated, as Restate states
// them, and floats, tags and the like have no place in an envelope.
func (c *cbor) head() (major byte, n uint64, err error) {
	if len(c.rest) == 0 {
		return 0, 0, errCBOR
	}
	major, low := c.rest[0]>>5, c.rest[0]&31
	c.rest = c.rest[1:]
	if low < 24 {
		return major, uint64(low), nil
	}
	if low > 27 {
		return 0, 0, fmt.Errorf("the envelope has an item of CBOR that Restate does not write (%#x)", major<<5|low)
	}
	size := 1 << (low - 24)
	if len(c.rest) < size {
		return 0, 0, errCBOR
	}
	var number [8]byte
	copy(number[8-size:], c.rest)
	c.rest = c.rest[size:]
	return major, binary.BigEndian.Uint64(number[:]), nil
}

// item reads a number, a text or bytes; of a list or a map only the head.
func (c *cbor) item() (major byte, n uint64, text []byte, err error) {
	if major, n, err = c.head(); err != nil || major != cborBytes && major != cborText {
		return major, n, nil, err
	}
	if n > uint64(len(c.rest)) {
		return major, n, nil, errCBOR
	}
	text = c.rest[:n]
	c.rest = c.rest[n:]
	return major, n, text, nil
}

// skip passes over an item and all that is in it.
func (c *cbor) skip(nesting int) error {
	major, n, _, err := c.item()
	if err != nil || major != cborArray && major != cborMap {
		return err
	}
	if nesting == maxNesting {
		return errors.New("the envelope is nested too deeply")
	}
	if n > uint64(len(c.rest)) { // every item has a byte
		return errCBOR
	}
	if major == cborMap {
		n *= 2
	}
	for range n {
		if err := c.skip(nesting + 1); err != nil {
			return err
		}
	}
	return nil
}

// fields calls visit for every field of a map, which has to consume the value.
func (c *cbor) fields(visit func(name string) error) error {
	major, n, _, err := c.item()
	if err != nil {
		return err
	}
	if major != cborMap || n > uint64(len(c.rest)) {
		return errors.New("the envelope is not as Restate writes it")
	}
	for range n {
		major, _, name, err := c.item()
		switch {
		case err != nil:
			return err
		case major != cborText:
			return errors.New("the envelope has a field without a name")
		}
		if err := visit(string(name)); err != nil {
			return err
		}
	}
	return nil
}

// isCBOR reports whether an envelope starts like {"version": "V1", …} or {"value": …}.
func isCBOR(b []byte) bool {
	c := cbor{b}
	major, n, _, err := c.item()
	if err != nil || major != cborMap || n < 1 || n > 16 {
		return false
	}
	major, _, name, err := c.item()
	return err == nil && major == cborText && (string(name) == "version" || string(name) == "value")
}

// readCBOR reads {"version": "V1", "value": [{"version": number, "value": bytes}, salt]}.
func readCBOR(b []byte) (version uint32, payload []byte, err error) {
	c, envelope := &cbor{b}, ""
	err = c.fields(func(name string) error {
		switch name {
		case "version":
			major, _, text, err := c.item()
			if err == nil && major != cborText {
				err = errors.New("the envelope's version is no text")
			}
			envelope = string(text)
			return err
		case "value":
			if envelope != "" && envelope != "V1" {
				return nil // it is refused below
			}
			major, n, _, err := c.item()
			if err != nil {
				return err
			}
			if major != cborArray || n == 0 || n > 16 {
				return errors.New("the envelope is not as Restate writes it")
			}
			if version, payload, err = c.value(); err != nil {
				return err
			}
			for range n - 1 {
				if err := c.skip(0); err != nil {
					return err
				}
			}
			return nil
		}
		return c.skip(0)
	})
	switch {
	case envelope != "" && envelope != "V1":
		return 0, nil, fmt.Errorf("the object's envelope is of version %.20q, where this program knows \"V1\"", envelope)
	case err != nil:
		return 0, nil, err
	case payload == nil:
		return 0, nil, errors.New("the object has no value")
	}
	return version, payload, nil
}

func (c *cbor) value() (version uint32, payload []byte, err error) {
	err = c.fields(func(name string) error {
		if name != "version" && name != "value" {
			return c.skip(0)
		}
		major, n, text, err := c.item()
		switch {
		case err != nil:
			return err
		case name == "version" && major == cborUint && n <= math.MaxUint32:
			version = uint32(n)
		case name == "value" && major == cborBytes:
			payload = text
		default:
			return fmt.Errorf("the %s in the envelope is not as Restate writes it", name)
		}
		return nil
	})
	return version, payload, err
}
