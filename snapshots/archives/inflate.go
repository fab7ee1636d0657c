package archives

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"sync"
)

// The decoders of gzip, and of what zips hold, are larger than most of what they decode. They are used again.
var (
	gunzips  = sync.Pool{New: func() any { return new(gzip.Reader) }}
	inflates = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}
)

func gunzip(r io.Reader) (io.ReadCloser, error) {
	decoder := gunzips.Get().(*gzip.Reader) //nolint:forcetypeassert // nothing else is in there
	if err := decoder.Reset(r); err != nil {
		return nil, err
	}
	return &lent{decoder, &gunzips}, nil
}

func inflate(r io.Reader) (io.ReadCloser, error) {
	decoder := inflates.Get().(io.ReadCloser)                      //nolint:forcetypeassert // nothing else is in there
	if err := decoder.(flate.Resetter).Reset(r, nil); err != nil { //nolint:forcetypeassert // flate promises it
		return nil, err
	}
	return &lent{decoder, &inflates}, nil
}

// A lent is a decoder that goes back to where it came from once it is closed.
type lent struct {
	decoder io.ReadCloser // nil once it was closed
	pool    *sync.Pool
}

func (l *lent) Read(p []byte) (int, error) {
	if l.decoder == nil {
		return 0, io.ErrClosedPipe
	}
	return l.decoder.Read(p)
}

func (l *lent) Close() error {
	if l.decoder != nil {
		l.pool.Put(l.decoder)
		l.decoder = nil
	}
	return nil
}
