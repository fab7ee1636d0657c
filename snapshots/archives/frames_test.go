package archives

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Narrowed frames unpack to the same, or to the beginning of it.
func FuzzNarrowed(f *testing.F) {
	packed := zstandardOf(f, []byte(packable(20)), zstd.WithWindowSize(1<<20))
	f.Add(packed)
	f.Add(append([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x"), packed...))
	f.Add(append(bytes.Clone(packed), packed[:len(packed)/2]...))
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<20), zstd.WithDecoderMaxMemory(1<<20))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		want, wrong := decoder.DecodeAll(packed, nil)
		got, err := decoder.DecodeAll(narrowed(packed, 128<<10), nil)
		if wrong == nil && !bytes.HasPrefix(want, got) || wrong == nil && err == nil && len(got) < len(want) {
			t.Errorf("%d bytes, %v, where there are %d", len(got), err, len(want))
		}
	})
}
