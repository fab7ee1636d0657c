package etcd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"

	"restate-lint/snapshots/stores"
)

// rangeHead is how the output of etcdctl starts: with a header, or, if its keys were sorted since, with a count.
var rangeHead = pattern(`\A\s*\{\s*(?:"header"\s*:\s*\{[^{}]*"(?:cluster_id|revision)"[^{}]*\}\s*,\s*"(?:kvs|count|more)"\s*:|"(?:count|kvs)"\s*:)`)

var rangeKey = pattern(`"(?:create_revision|mod_revision)"\s*:`)

// pattern compiles a regular expression when it is asked for: most captures ask for none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// IsRange reports whether a file with this head is what `etcdctl get -w json` prints.
func IsRange(head []byte) bool {
	return bytes.Contains(head, []byte("_revision\"")) && rangeHead().Match(head) && rangeKey().Match(head)
}

// A rangeValue is one key as etcdctl prints it. Other clients quote the numbers.
type rangeValue struct {
	Key         []byte      `json:"key"`
	ModRevision json.Number `json:"mod_revision"`
	Version     json.Number `json:"version"`
	Value       []byte      `json:"value"`
}

// ReadRange reads what `etcdctl get --prefix "" -w json` printed. The error says why nothing of it could be read.
func ReadRange(name string, r io.Reader, size int64) (*stores.Store, error) {
	s := &stores.Store{Kind: stores.EtcdRange, Name: name, Size: size}
	h := &history{store: s, states: make(map[string]*state)}
	h.problem = func(offset int64, reason string) {
		if len(s.Problems) < maxProblems {
			s.Problems = append(s.Problems, stores.Problem{Source: name, Offset: offset, Reason: reason})
		}
	}
	var values []rangeRead
	count, revision, found := int64(-1), int64(0), false
	decoder := json.NewDecoder(r)
	err := object(decoder, func(field string) (err error) {
		switch field {
		case "header":
			var header struct {
				Revision json.Number `json:"revision"`
			}
			err = decoder.Decode(&header)
			revision, _ = header.Revision.Int64()
		case "count":
			var n json.Number
			err = decoder.Decode(&n)
			count, _ = n.Int64()
		case "kvs":
			found = true
			values, err = readKeyValues(decoder, h.problem)
		default:
			var ignored json.RawMessage
			err = decoder.Decode(&ignored)
		}
		return err
	})
	if err != nil {
		if len(values) == 0 {
			return nil, fmt.Errorf("the output of etcdctl is damaged: %w", endOf(err))
		}
		h.problem(decoder.InputOffset(), "the output of etcdctl is damaged behind this place: "+endOf(err).Error())
	} else if !found {
		return nil, errors.New("the output of etcdctl has no keys")
	}
	slices.SortStableFunc(values, func(a, b rangeRead) int { return int(min(max(a.revision-b.revision, -1), 1)) })
	for _, v := range values {
		if uint64(v.revision) != h.revision {
			h.commit()
			h.revision = uint64(v.revision)
		}
		h.add(v.key, v.value, v.count)
	}
	h.commit()
	h.settle()
	if count > int64(len(values)) && err == nil {
		h.problem(0, fmt.Sprintf("etcdctl printed %d of %d keys: print them all, with --prefix and without --limit", len(values), count))
	}
	s.Format = fmt.Sprintf("output of etcdctl, revision %d", revision)
	return s, nil
}

type rangeRead struct {
	key, value      []byte
	revision, count int64
}

func readKeyValues(decoder *json.Decoder, problem func(offset int64, reason string)) (values []rangeRead, err error) {
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return nil, errors.Join(errors.New("the keys are no list"), err)
	}
	for decoder.More() {
		at := decoder.InputOffset()
		var v rangeValue
		if err := decoder.Decode(&v); err != nil {
			var wrongType *json.UnmarshalTypeError
			var notBase64 base64.CorruptInputError
			if errors.As(err, &wrongType) || errors.As(err, &notBase64) { // the decoder goes on behind it
				problem(at, "a key that is not as etcdctl prints it: "+reasonOf(err))
				continue
			}
			return values, err
		}
		revision, err := v.ModRevision.Int64()
		if err != nil || revision < 1 {
			problem(at, fmt.Sprintf("%.40q has no revision", v.Key))
			continue
		}
		count, _ := v.Version.Int64()
		if v.Value == nil {
			v.Value = []byte{}
		}
		values = append(values, rangeRead{key: v.Key, value: v.Value, revision: revision, count: count})
	}
	_, err = decoder.Token()
	return values, err
}

// object calls visit for every field of the object that follows.
func object(decoder *json.Decoder, visit func(field string) error) error {
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(errors.New("it is no object"), err)
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return fmt.Errorf("%v where the name of a field belongs", token)
		}
		if err := visit(name); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

// endOf says in words that a text ends early.
func endOf(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle")
	}
	return err
}

// reasonOf is an error without the names of Go's types.
func reasonOf(err error) string {
	if wrongType := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrongType) {
		return fmt.Sprintf("its %s is a %s", wrongType.Field, wrongType.Value)
	}
	return err.Error()
}
