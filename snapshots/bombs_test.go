package snapshots

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// repeated is a Zstandard file of 20 KB that unpacks to 128 MiB of one byte: a frame of blocks that say how often it comes, and
// one to be passed over. The window is a power of two, from 1 KiB on.
func repeated(text byte, window int) string {
	const blocks, each, size = 1024, 128 << 10, 20_000
	packed := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte(window-10) << 3}
	for i := range blocks {
		header := uint32(each<<3 | 1<<1)
		if i == blocks-1 {
			header |= 1
		}
		packed = append(packed, byte(header), byte(header>>8), byte(header>>16), text)
	}
	packed = append(packed, 0x50, 0x2a, 0x4d, 0x18)
	packed = binary.LittleEndian.AppendUint32(packed, uint32(size-len(packed)-4))
	return string(packed) + strings.Repeat("\x00", size-len(packed))
}

// bombs are 12 files of 128 MiB each, in a zip of 2 KB.
func bombs(t testing.TB) []byte {
	files := make(map[string]string)
	for i := range 12 {
		files[fmt.Sprintf("%d/nodes_config.json.zst", i)] = repeated('{', 23)
	}
	return []byte(pack(t, "x.zip", files))
}

// What a member of an archive takes is counted for the archive, however large what it is packed in became.
func TestBombsInArchivesTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector has pools forget on purpose")
	}
	text := bombs(t)
	took := allocated(func() { findAll(text) }) / 2 // it is read twice
	t.Logf("%d bytes took %d", len(text), took)
	if took > len(text)<<13 {
		t.Errorf("%d bytes took %d", len(text), took)
	}
}

// Of files beside one another every one may take what its size allows: 8 KiB for each byte.
func TestBombsInDirectoriesTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector has pools forget on purpose")
	}
	files, size := make(map[string]string), 0
	for i := range 4 {
		name := fmt.Sprintf("d/%d/nodes_config.json.zst", i)
		files[name] = repeated('{', 23)
		size += len(files[name])
	}
	tree(t, files)
	took := allocated(func() {
		captures, err := Find("d/...")
		if len(captures) != 4 {
			t.Fatal(captures, err)
		}
		for _, c := range captures {
			_, _ = c.Read() // there is no document in it
		}
	})
	t.Logf("%d bytes took %d", size, took)
	if took > size<<13 {
		t.Errorf("%d bytes took %d", size, took)
	}
}
